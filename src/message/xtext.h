// The ways to write any text in the value of an ESMTP parameter: xtext (RFC 3461 §4) and, for addresses with
// UTF-8, unitext (RFC 6533 §3).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace angarium::message {

/// Octets outside '!'-'~', and '+' and '=', as "+HH".
std::string to_xtext(std::string_view octets);
/// Strict but for lower-case hexadecimal digits. Nothing when it is not xtext.
std::optional<std::string> from_xtext(std::string_view text);

/// utf-8-addr-xtext: characters outside of printable ASCII, and blank, '\', '+' and '=', as "\x{HEX}". Seven bits.
/// Octets that are not UTF-8 become U+FFFD.
std::string to_utf8_addr_xtext(std::string_view address);
/// Reads utf-8-addr-xtext, utf-8-addr-unitext and utf-8-address alike, and "+HH" too, which senders use though they
/// should not. Nothing when an escape is broken or names no character, or the result is not UTF-8.
std::optional<std::string> from_utf8_addr(std::string_view text);

/// An address of type utf-8 as fields of a report hold it (RFC 6533 §4.1): utf-8-address, with the escapes "\x{HEX}"
/// undone where they name a character, all else as it stands. Never fails.
std::string unescape_utf8_addr(std::string_view text);
/// The other way: utf-8-address where it can be, with controls and "\x{" escaped. Ill-formed octets become U+FFFD.
std::string to_utf8_addr(std::string_view address);

}  // namespace angarium::message
