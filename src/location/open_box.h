// A box of a location as the comparison sees it: names, flags, octets. Blocks; for a pool's threads, one at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "box/box.h"
#include "location/location.h"
#include "location/merge.h"

namespace angarium::location {

/// Octets of a message that is kept the same on both sides; larger ones stay where they are. The largest that SMTP
/// takes by default has 50 MiB.
inline constexpr std::size_t kMessageMax = std::size_t{64} << 20;

/// Names a message by its octets alone, whatever line ends, quoting of lines "From " and fields of state a box gives
/// it. 32 hexadecimal digits.
std::string content_name(std::string_view message);

/// What tells that a box was written to.
struct Stamp {
  std::uint64_t size = 0;
  std::uint64_t inode = 0;  ///< of the mbox file, or of the Maildir's folder cur
  std::uint64_t identity =
      0;  ///< of the disk it lies on and the folder it lies in: of one that is not mounted, another
  std::int64_t written_ns = 0;
  std::int64_t named_ns = 0;
  std::uint64_t table_inode = 0;  ///< of a Maildir's names of keywords; 0: none
  std::int64_t table_ns = 0;
  bool numbered = false;  ///< a Maildir that takes names of keywords before there are any
  bool settled = false;   ///< false: so fresh that a later change may bear the same time
  bool missing = false;   ///< an mbox that is not there; `identity` is that of the folder in which it would lie
  [[nodiscard]] bool same(const Stamp& other) const {
    return settled && other.settled && size == other.size && inode == other.inode && written_ns == other.written_ns &&
           named_ns == other.named_ns && table_inode == other.table_inode && table_ns == other.table_ns &&
           numbered == other.numbered;
  }
};
/// Cheap. kTrouble: a Maildir is not there, or the folder in which an mbox would lie.
Result<Stamp> stamp_of(const Location& location, const std::string& path, const Clock& clock);

/// kTrouble of a box that others own with us; kGone where who works on it for us is gone.
class OpenBox {
 public:
  virtual ~OpenBox() = default;

  /// Without those larger than kMessageMax.
  [[nodiscard]] const std::vector<There>& messages() const { return messages_; }
  /// Those that are too large, too.
  [[nodiscard]] std::size_t all() const { return all_; }
  /// What the bits of its messages' keywords mean; none at all: it takes no keywords. $Forwarded among them is the
  /// flag, which a Maildir has without a name, too, and an mbox only by it.
  [[nodiscard]] const KeywordNames& keyword_names() const { return keyword_names_; }
  /// With CR LF, whole. kTrouble where it is not the message of that name any more.
  virtual Result<std::string> read(std::size_t index) = 0;
  /// Nothing where the box does not tell.
  virtual Result<std::optional<message::DateTime>> received(std::size_t index) = 0;
  using Marks = std::vector<std::pair<std::size_t, Flags>>;
  /// Makes it so in the box, durably; the object is of no use afterwards. `names`: the box's, in which free ones may be
  /// given; without them keywords stay as they are. kTrouble: somebody else wrote it meanwhile, or other names were
  /// changed than free ones.
  virtual Result<> change(const std::vector<std::size_t>& removed, const Marks& marked, const KeywordNames& names) = 0;

 protected:
  std::vector<There> messages_;
  std::size_t all_ = 0;
  KeywordNames keyword_names_;
};

/// All of an mbox is read for the names of its messages. kTrouble, also when it is not there.
Result<std::shared_ptr<OpenBox>> open_here(const std::string& path, const box::Host& host);

/// A message for a box.
struct NewMessage {
  std::string octets;  ///< with CR LF
  message::BoxFlags flags = 0;
  WallTime received;
};
/// Puts it into the box, durably; its name there, and the flags it has there for certain: keywords, of which $Forwarded
/// is one, follow by OpenBox::change(), which knows their names. kTrouble.
Result<There> add_message(const Location& location, const std::string& path, const NewMessage& message,
                          const delivery::Surroundings& surroundings);

}  // namespace angarium::location
