// How texts are compared, by the names of RFC 4790's registry.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace angarium::message {

/// In the order in which a client that wants any of them gets one.
enum class Collation : std::uint8_t {
  unicode_casemap,  ///< i;unicode-casemap (RFC 5051)
  ascii_casemap,    ///< i;ascii-casemap (RFC 4790 §9.2): the case of ASCII letters makes no difference
  octet,            ///< i;octet (RFC 4790 §9.3)
};
inline constexpr std::string_view kCollationNames[] = {"i;unicode-casemap", "i;ascii-casemap", "i;octet"};

/// Appends the text in the form whose octets the collation compares: for equality, order, and as parts of each other.
/// Whole characters may be appended by chunks.
void append_collated(std::string& out, std::string_view utf8, Collation collation);

}  // namespace angarium::message
