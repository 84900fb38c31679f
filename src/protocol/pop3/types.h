// The words of POP3: verbs, response codes, kinds of error, limits (RFC 1939, 2449, 3206, 5034, 6856).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace angarium::protocol::pop3 {

/// A command line without its line end. RFC 2449 §4 asks for 253; names and passwords in UTF-8 may have 255 octets
/// each.
inline constexpr std::size_t kCommandLineMax = 510;
/// The first line of a response, with its line end (RFC 2449 §4); a capability line as well.
inline constexpr std::size_t kResponseLineMax = 512;
/// A line of a SASL exchange: the limit of RFC 4954 §4, since RFC 5034 §4 sets none.
inline constexpr std::size_t kSaslLineMax = 12'288;
/// An AUTH command with an initial response, which may be as long as any response (RFC 5034 §4 asks clients for 255,
/// and they send tokens and tickets of thousands). A mechanism's name has 20 octets at most (RFC 4422 §3.1).
inline constexpr std::size_t kAuthCommandMax = sizeof("AUTH ") + 20 + kSaslLineMax;
/// Malformed, unknown or misplaced commands before the server hangs up: nobody honest needs more.
inline constexpr unsigned kBadCommandsMax = 10;
/// Commands before a login succeeds; a client needs about eight, and this ends those who only hold the connection.
inline constexpr unsigned kCommandsBeforeLoginMax = 50;
/// A unique-id has 1 to 70 octets (RFC 1939 §7).
inline constexpr std::size_t kUniqueIdMax = 70;
/// How long, and how many octets, a server still reads from a client it has said its last word to.
inline constexpr Duration kLingerTime = std::chrono::seconds(2);
inline constexpr std::size_t kLingerOctetsMax = 1 << 20;
/// Messages a listing may have for our client: above the largest maildrops, and some 100 MB with unique-ids.
inline constexpr std::size_t kListingMax = 1'000'000;
/// Capabilities a server may announce to our client.
inline constexpr std::size_t kCapabilitiesMax = 256;

/// Another session holds the maildrop.
inline constexpr ErrorKind kInUse{"pop3.in-use", Fault::user, Lasting::temporary};
/// The user logged in too short a time ago.
inline constexpr ErrorKind kLoginDelay{"pop3.login-delay", Fault::user, Lasting::temporary};
/// Refused for a while, whatever the password: too many failures.
inline constexpr ErrorKind kLockedOut{"pop3.locked-out", Fault::user, Lasting::temporary};
/// The message can't be shown to a client without UTF8.
inline constexpr ErrorKind kNeedsUtf8{"pop3.needs-utf8", Fault::user, Lasting::permanent};
/// The command is not of POP3's grammar, or not known.
inline constexpr ErrorKind kBadCommand{"pop3.bad-command", Fault::syntax, Lasting::permanent};
/// No such message, or it is marked as deleted.
inline constexpr ErrorKind kNoMessage{"pop3.no-message", Fault::user, Lasting::permanent};
/// Client side: the server's answer is not of POP3's grammar.
inline constexpr ErrorKind kBadReply{"pop3.bad-reply", Fault::dependency, Lasting::permanent};
/// Client side: the server said -ERR without a code that tells more.
inline constexpr ErrorKind kRefused{"pop3.refused", Fault::dependency, Lasting::permanent};
/// Client side: the server said [SYS/TEMP].
inline constexpr ErrorKind kTemporary{"pop3.temporary", Fault::dependency, Lasting::temporary};
/// Client side: nothing that both sides have would log in safely.
inline constexpr ErrorKind kNoMechanism{"pop3.no-mechanism", Fault::dependency, Lasting::permanent};

/// RFC 2449 §8, RFC 3206, RFC 6856 §5.
enum class Code : std::uint8_t { none, in_use, login_delay, sys_temp, sys_perm, auth, utf8 };
/// "IN-USE"; empty for none.
std::string_view to_text(Code code);
/// Without regard to case; none for codes that are not known.
Code code_of(std::string_view text);

/// In which form messages go out. The sizes of both forms are fixed when a message is accepted.
enum class Presentation : std::uint8_t {
  downgraded,  ///< no octet above 127 in header fields (RFC 6857, RFC 6858)
  utf8,        ///< as stored; after the UTF8 command (RFC 6856 §2)
};

/// Where a session stands. UPDATE begins with QUIT and ends with the connection (RFC 1939 §6).
enum class State : std::uint8_t { authorization, transaction, update };

}  // namespace angarium::protocol::pop3
