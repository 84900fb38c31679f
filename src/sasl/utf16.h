// Text as NTLM writes it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace angarium::sasl {

/// Two octets a unit, the less significant first. The text is UTF-8; nothing if it is not.
std::optional<std::string> to_utf16(std::string_view utf8);
/// The inverse; nothing for an odd number of octets or a lone surrogate.
std::optional<std::string> from_utf16(std::string_view octets);
/// Each unit in upper case, as Windows has it: one by one, whatever the language.
std::string upper_utf16(std::string_view octets);

}  // namespace angarium::sasl
