// Rights of access control lists (RFC 4314) and how they are written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace angarium::protocol::imap {

/// Rights as bits, in the order of kRightLetters (RFC 4314 §2.1).
using Rights = std::uint16_t;
inline constexpr std::string_view kRightLetters = "lrswipkxtea";
inline constexpr Rights kRightLookup = 1;
inline constexpr Rights kRightRead = 2;
inline constexpr Rights kRightSeen = 4;
inline constexpr Rights kRightWrite = 8;
inline constexpr Rights kRightInsert = 16;
inline constexpr Rights kRightPost = 32;
inline constexpr Rights kRightCreate = 64;
inline constexpr Rights kRightDelete = 128;  ///< of the mailbox
inline constexpr Rights kRightDeleteMessages = 256;
inline constexpr Rights kRightExpunge = 512;
inline constexpr Rights kRightAdminister = 1024;
inline constexpr Rights kAllRights = 2047;
/// Any of them lets flags be changed, which all who read the mailbox share (RFC 4314 §5.2, "shared flag rights").
inline constexpr Rights kFlagRights = kRightSeen | kRightWrite | kRightDeleteMessages;
/// One of them makes a mailbox READ-WRITE (RFC 4314 §5.2).
inline constexpr Rights kChangeRights = kRightInsert | kRightExpunge | kFlagRights;
/// One of them is needed to ask for one's own (RFC 4314 §4).
inline constexpr Rights kAskRights =
    kRightLookup | kRightRead | kRightInsert | kRightCreate | kRightDelete | kRightAdminister;

/// One line of a list.
struct AccessLine {
  enum class Sense : std::uint8_t { grant, deny };  ///< deny: "-identifier" (RFC 4314 §2)
  std::string identifier;
  Sense sense = Sense::grant;
  Rights rights = 0;
  friend bool operator==(const AccessLine&, const AccessLine&) = default;
};
using AccessList = std::vector<AccessLine>;

/// What is done with the rights that an identifier has (RFC 4314 §3.1).
enum class AccessChange : std::uint8_t { replace, add, remove };

/// The letters, and "c" and "d" where any of their members is there (RFC 4314 §2.1.1: "c" is "kx", "d" is "te").
std::string rights_text(Rights rights);
/// Of letters as clients write them, "c" and "d" among them; nothing: one of them is no right.
std::optional<Rights> rights_of_letters(std::string_view letters);

}  // namespace angarium::protocol::imap
