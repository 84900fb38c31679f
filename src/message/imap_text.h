// What IMAP tells about a message without sending it: ENVELOPE, BODY and BODYSTRUCTURE (RFC 9051 §7.5.2, RFC 3501
// §7.4.2), ready to be sent or stored. Made from the structure and the octets of the headers; bodies are not looked at.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "message/structure.h"

namespace angarium::message {

/// What the client may get in strings.
enum class ImapForm : std::uint8_t {
  /// For clients without UTF8=ACCEPT and IMAP4rev2: UTF-8 in headers is shown as RFC 6858 has it, in encoded words and
  /// RFC 2231 parameters, and addresses that are not ASCII as invalid ones that name them. Parameters come as they
  /// stand
  /// (RFC 3501). Octets of other charsets come in literals, as they stand.
  ascii,
  /// For IMAP4rev2 and UTF8=ACCEPT (RFC 6855 §3): UTF-8 in quoted strings; RFC 2231 parameters decoded.
  utf8,
};

/// The ENVELOPE of the message at `part`: the message itself (0) or the child of a PartKind::message.
std::string envelope_text(const Structure& structure, std::string_view message, ImapForm form, std::uint32_t part = 0);

/// BODY is BODYSTRUCTURE without extension data.
enum class BodyForm : std::uint8_t { body, structure };
/// BODY or BODYSTRUCTURE of the whole message. A multipart without parts is shown with one text/plain part that is its
/// whole body, which is what find_part() gives for it.
std::string body_text(const Structure& structure, std::string_view message, BodyForm body_form, ImapForm form);

/// Strings longer than this are sent as literals.
inline constexpr std::size_t kQuotedMax = 1000;
/// Appends an IMAP string (RFC 9051 §4.3): quoted where it can be, else a literal. NUL, which no string may hold, is
/// left out; with ImapForm::ascii octets above 127 make it a literal.
void append_imap_string(std::string& out, std::string_view value, ImapForm form);

}  // namespace angarium::message
