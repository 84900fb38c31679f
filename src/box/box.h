// A box of mail as other programs of the host keep it: an mbox file or a Maildir, which others deliver into, read and
// change meanwhile.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "delivery/delivery.h"
#include "message/box_state.h"
#include "message/date.h"

namespace angarium::box {

/// The box was written by somebody else so that what we know of it is wrong: what was to be changed is not.
inline constexpr ErrorKind kChanged{"box.changed", Fault::dependency, Lasting::temporary};
/// A file, a folder or a program did not do.
inline constexpr ErrorKind kHost{"box.host", Fault::dependency, Lasting::temporary};
/// There is no such box, or nothing in it.
inline constexpr ErrorKind kNoBox{"box.no-box", Fault::user, Lasting::permanent};

/// Whose host it is.
struct Host {
  /// Files, clock, randomness. With `own_only` a box is the user's own mbox file, and its last name no link.
  delivery::Surroundings delivery = {};
  std::string home;  ///< where a journal goes that may not lie beside its box
};

/// Octets of a header that are looked at for a list.
inline constexpr std::size_t kHeaderMax = std::size_t{64} << 10;

/// Keywords of a message: bit i is the i-th of Box::keyword_names(), of which there are as many at most.
using Keywords = std::uint64_t;
inline constexpr std::size_t kKeywordsMax = 56;
/// A keyword that is a flag here (message::kBoxPassed), whatever bit its name has.
inline constexpr std::string_view kForwarded = "$Forwarded";
bool is_forwarded(std::string_view keyword);
/// In the place of a name: the place is not free, and has no name that could be used. No keyword is called so.
inline constexpr std::string_view kTakenPlace = " ";
/// The first that is equal but for case: it stands for all of them.
std::optional<std::size_t> find_name(const std::vector<std::string>& names, std::string_view keyword);

/// What is kept of each message while the box is open: some ten octets besides the place.
struct Entry {
  std::uint64_t octets = 0;  ///< as it lies there
  std::uint64_t lines = 0;
  message::BoxFlags flags = 0;  ///< as they are to be
  message::BoxFlags flags_there = 0;
  Keywords keywords = 0;  ///< as they are to be
  Keywords keywords_there = 0;
  bool deleted = false;  ///< leaves the box when it is closed
  [[nodiscard]] bool is_marked() const { return flags != flags_there || keywords != keywords_there; }
};

/// What a box knows of how a message came, besides what its header says.
struct Came {
  std::string sender;                     ///< of the envelope; empty: not known, or the null one
  std::optional<message::DateTime> date;  ///< `zone_unknown`: as somebody's clock showed it
};

/// One thread. Numbers count from 0.
class Box {
 public:
  virtual ~Box() = default;

  [[nodiscard]] virtual const std::string& path() const = 0;
  /// Whether the user's mail comes to it, wherever the spool file lies.
  [[nodiscard]] virtual bool is_inbox() const { return false; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] Entry& at(std::size_t number) { return entries_[number]; }
  [[nodiscard]] const Entry& at(std::size_t number) const { return entries_[number]; }

  /// What names the message in the box for as long as it lives; empty: nothing but its octets does.
  [[nodiscard]] virtual std::string_view name([[maybe_unused]] std::size_t number) const { return {}; }
  /// The message with CR LF, whole. Without the fields of state. kHost: it has more octets than `max`.
  Result<std::string> read(std::size_t number, std::size_t max);
  /// As much of it as `max` octets hold.
  virtual Result<std::string> start(std::size_t number, std::size_t max) = 0;
  /// By the separator line of an mbox, the file of a Maildir, or the server.
  virtual Result<Came> came(std::size_t number) = 0;
  /// Takes in what has come since; the number of new messages. kChanged.
  virtual Result<std::size_t> look() = 0;
  /// Makes the deletions and flags true in the box, and gives the numbers anew. Whatever comes in meanwhile stays.
  /// kChanged, kHost: nothing was changed.
  virtual Result<> write() = 0;
  [[nodiscard]] bool is_changed() const;

  /// What the box calls its keywords. Empty ones are free for others; none at all: it can have no keywords. Of names
  /// that are equal but for case the first has the bit.
  [[nodiscard]] const std::vector<std::string>& keyword_names() const { return keyword_names_; }
  /// Names some that were free, of an mbox the first ones; write() makes it so, before any message has them.
  void name_keywords(std::vector<std::string> names) { keyword_names_ = std::move(names); }

 protected:
  std::vector<Entry> entries_;
  std::vector<std::string> keyword_names_;
};

enum class Access { change, read_only };
/// An mbox file or a Maildir; links are followed. Takes up what a crash left of a rewriting. kNoBox, kHost.
Result<std::unique_ptr<Box>> open_box(const std::string& path, const Host& here, Access access);
/// Whether there is mail, without reading it.
bool has_mail(const std::string& path);

}  // namespace angarium::box
