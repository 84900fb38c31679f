// The forms in which people and programs write a one-time password (RFC 2289 §6.0).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace angarium::sasl {

/// Six words in upper case, one space between them.
std::string to_six_words(std::string_view password);
/// In any case, with any white space between them; nothing for other words or a wrong checksum. Alternative
/// dictionaries (RFC 2289 appendix B) are not read: the RFC does not say which end of the hash counts.
std::optional<std::string> from_six_words(std::string_view text);
/// Sixteen digits in any case, with any white space between them.
std::optional<std::string> from_otp_hex(std::string_view text);

}  // namespace angarium::sasl
