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
  bool settled = false;  ///< false: so fresh that a later change may bear the same time
  [[nodiscard]] bool same(const Stamp& other) const {
    return settled && other.settled && size == other.size && inode == other.inode && written_ns == other.written_ns &&
           named_ns == other.named_ns;
  }
};
/// Cheap. kTrouble.
Result<Stamp> stamp_of(const Location& location, const std::string& path, const Clock& clock);

class OpenBox {
 public:
  /// All of an mbox is read for the names of its messages. kTrouble, also when it is not there.
  static Result<std::shared_ptr<OpenBox>> open(const std::string& path, const box::Host& host);

  /// Without those larger than kMessageMax.
  [[nodiscard]] const std::vector<There>& messages() const { return messages_; }
  /// Those that are too large, too.
  [[nodiscard]] std::size_t all() const { return box_->size(); }
  /// With CR LF, whole. kTrouble where it is not the message of that name any more.
  Result<std::string> read(std::size_t index);
  [[nodiscard]] std::optional<message::DateTime> received(std::size_t index);
  /// Makes it so in the box, durably; the object is of no use afterwards. kTrouble: somebody else wrote it meanwhile.
  Result<> change(const std::vector<std::size_t>& removed,
                  const std::vector<std::pair<std::size_t, message::BoxFlags>>& marked);

 private:
  explicit OpenBox(std::unique_ptr<box::Box> box) : box_(std::move(box)) {}
  std::unique_ptr<box::Box> box_;
  std::vector<There> messages_;
  std::vector<std::size_t> numbers_;  ///< of the messages, in the box
};

/// A message for a box.
struct NewMessage {
  std::string octets;  ///< with CR LF
  message::BoxFlags flags = 0;
  WallTime received;
};
/// Puts it into the box, durably; its name there, and the flags it has there for certain. kTrouble.
Result<There> add_message(const Location& location, const std::string& path, const NewMessage& message,
                          const delivery::Surroundings& surroundings);

}  // namespace angarium::location
