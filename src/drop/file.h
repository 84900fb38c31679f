// A file of the drop folder: one message with its envelope, written by a user of this host for the server.
//
//     angarium-drop 1 LENGTH CRC LF     octets of the message, 16 hex digits; CRC-32C of all that follows, 8 hex digits
//     from ADDRESS LF                   without an address: the null sender
//     name TEXT LF                      who the user is, in words; may be missing
//     mail PARAMETERS LF                RET and ENVID as RFC 3461 writes them; may be missing
//     rcpt PARAMETERS LF                NOTIFY, of every recipient; may be missing
//     to ADDRESS LF                     one to kRecipientsMax; an address may lack its domain
//     LF
//     the message, its lines ended by CR LF
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "envelope/envelope.h"

namespace angarium::drop {

/// The file is none of ours, not whole, or not what its checksum says.
inline constexpr ErrorKind kBadFile{"drop.bad-file", Fault::syntax, Lasting::permanent};

/// Octets of the first line.
inline constexpr std::size_t kSealSize = 42;
/// Octets before the message: a thousand recipients of the longest kind.
inline constexpr std::size_t kHeadMax = 1u << 20;

struct Note {
  std::string sender;  ///< "local@domain" or "local"; empty: null
  std::string name;
  std::optional<envelope::Return> ret;
  std::optional<std::string> envelope_id;
  std::optional<envelope::Notify> notify;
  std::vector<std::string> recipients;
  friend bool operator==(const Note&, const Note&) = default;
};

struct Seal {
  std::uint64_t length = 0;  ///< of the message
  std::uint32_t crc = 0;     ///< of all behind the first line
  friend bool operator==(const Seal&, const Seal&) = default;
};

/// kSealSize octets.
std::string format_seal(const Seal& seal);
/// The lines after the seal up to and with the empty one. Controls in the name become blanks.
std::string format_note(const Note& note);

struct Start {
  Seal seal;
  Note note;
  std::size_t message_at = 0;  ///< where in the file the message begins
};
/// Reads the beginning of a file, at most kHeadMax octets of it. kBadFile.
Result<Start> parse_start(std::string_view octets);

/// The address, with `origin` for a domain it lacks. kBadFile.
Result<envelope::Mailbox> qualify(const std::string& address, const std::string& origin);

}  // namespace angarium::drop
