// An mbox file written anew in its place: others append to it, so that it cannot be replaced by another file, and the
// host may stop in the middle, so that what is to stand there is on the disk before.
//
// Under both locks, from the first octet P that changes on: (1) a journal is written: the old octets from P to the old
// size M, and the new ones from P to the new size N. (2) Where N > M the file is made N octets long, by blank lines,
// and synced. (3) The journal's head is written, by which it counts, and the journal synced. (4) The new octets are
// written, and synced. (5) Where N < M the file is cut, and synced. (6) The journal is removed.
//
// After a crash the next one to open the box finds the journal and takes both locks. One without its head is dropped:
// nothing was written but blank lines. Else what others appended after the crash stands behind max(M, N) before (5) and
// behind N after it. N >= M: where every octet up to N is the old or the new one, the journal is carried out. N < M:
// while nothing was written it is dropped, for all it wanted were flags and deletions; else it is carried out, and mail
// that came before (5) joins the new octets in a second record of the journal, which is carried out instead. A file
// that is neither was written anew by somebody else: it stays as it is, and the journal is set aside.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "box/box.h"
#include "delivery/mbox_lock.h"

namespace angarium::box {

/// The new octets of a file from `from` on, in pieces.
class NewOctets {
 public:
  virtual ~NewOctets() = default;
  /// The next piece, empty at the end. Views hold until the next call.
  virtual Result<std::string_view> next() = 0;
};

/// Where a journal of this box lies.
struct JournalPlace {
  std::string folder;
  std::string name;
};
struct JournalPlaces {
  /// "NAME.rewrite": of users who may write in the box's folder, as root may.
  JournalPlace beside;
  /// Of the others: in the home folder, named after host and folder too, for hosts may share homes and not boxes.
  JournalPlace at_home;
  bool may_write_beside = false;
};
JournalPlaces journal_places(const std::string& box, const Host& here);

/// Writes the file anew from octet `from` on; the caller holds the locks and knows that the file is `size` octets long.
/// On an error before the journal counts nothing was changed; after it, what is missing is done by recover().
Result<> rewrite(delivery::LockedMbox& box, std::uint64_t size, std::uint64_t from, NewOctets& octets,
                 const JournalPlaces& places, const delivery::Surroundings& surroundings);

/// Octets of a box and its journal that are compared or copied at once.
inline constexpr std::size_t kRewriteBlock = 65536;

/// Carries out or drops the journals that are left from before, those that this user, the box's owner or root has
/// written. kHost where there is one that this user may not read: whoever wrote it must open the box. The caller holds
/// the locks.
Result<> recover(delivery::LockedMbox& box, const JournalPlaces& places, const delivery::Surroundings& surroundings);

/// Whether there is one.
bool has_journal(const JournalPlaces& places);

}  // namespace angarium::box
