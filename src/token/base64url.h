// RFC 4648 section 5 without padding, as JOSE writes it (RFC 7515 §2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace angarium::token {

/// Strict: no padding, no other octets, zero pad bits.
std::optional<std::string> from_base64url(std::string_view text);
std::string to_base64url(std::string_view octets);

}  // namespace angarium::token
