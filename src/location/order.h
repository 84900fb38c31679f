// What is asked of who works on a user's boxes, and what is answered, as octets (cage/coding.h). Both sides are of one
// build: another version is refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "location/boxes.h"

namespace angarium::location {

/// Octets of an order or an answer: a message with room for its path and name, or the names of a million messages.
inline constexpr std::size_t kOrderMax = kMessageMax + 65'536;
/// Octets of a box's path: that of the host (PATH_MAX).
inline constexpr std::size_t kBoxPathMax = 4096;
/// Messages of one box; a Maildir and an mbox have no more (box::kMaildirFilesMax, box::kMboxMessagesMax).
inline constexpr std::size_t kMessagesOfBoxMax = 1'000'000;
/// Octets of a message's name in its box: of a file's (NAME_MAX).
inline constexpr std::size_t kNameOctetsMax = 255;
/// Octets of a keyword's name: whatever a line of its file says.
inline constexpr std::size_t kKeywordOctetsMax = std::size_t{64} << 10;
/// Boxes of one location. Who makes more has some of them in the files alone.
inline constexpr std::size_t kBoxesMax = 10'000;

struct FindBoxes {};
struct MakeBox {
  std::string path;
};
struct RenameBox {
  std::string from;
  std::string to;
};
struct RemoveBox {
  std::string path;
};
struct IsMissing {
  std::string path;
};
struct LookAtBox {
  std::string path;
};
/// One box is open at a time: the one before is closed.
struct OpenBoxOf {
  std::string path;
};
/// Of the box that was opened as the `opening`-th.
struct ReadMessage {
  std::uint32_t opening = 0;
  std::uint32_t index = 0;
};
struct WhenReceived {
  std::uint32_t opening = 0;
  std::uint32_t index = 0;
};
struct ChangeBox {
  std::uint32_t opening = 0;
  std::vector<std::size_t> removed;
  OpenBox::Marks marked;
  KeywordNames names{};
};
struct AddMessage {
  std::string path;
  NewMessage message;
};
using Order = std::variant<FindBoxes, MakeBox, RenameBox, RemoveBox, IsMissing, LookAtBox, OpenBoxOf, ReadMessage,
                           WhenReceived, ChangeBox, AddMessage>;

struct Done {};
struct BoxesFound {
  std::vector<Found> boxes;
};
struct Missing {
  bool missing = false;
};
struct BoxLooked {
  Stamp stamp;
};
struct BoxOpened {
  std::uint32_t opening = 0;
  std::uint64_t all = 0;
  std::vector<There> messages;
  KeywordNames names{};
};
struct MessageRead {
  std::string octets;
};
/// Whether Received can have this moment and zone.
bool is_tellable(WallTime instant, int zone_minutes);
/// Nothing: the box does not tell, or what cannot be.
struct Received {
  std::optional<message::DateTime> date;
};
struct MessageAdded {
  There there;
};
/// kTrouble, or kGone.
struct Refused {
  std::string words;
  bool gone = false;
};
using Reply =
    std::variant<Done, BoxesFound, Missing, BoxLooked, BoxOpened, MessageRead, Received, MessageAdded, Refused>;

std::string encode(const Order& order);
std::string encode(const Reply& reply);
/// kTrouble for anything that encode() does not make.
Result<Order> decode_order(std::string_view octets);
Result<Reply> decode_reply(std::string_view octets);

}  // namespace angarium::location
