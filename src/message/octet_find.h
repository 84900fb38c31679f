// Fast searches in octets, beyond what memchr does.
#pragma once

#include <cstddef>
#include <string_view>

namespace angarium::message {

/// Index of the first octet that is `a` or `b`, or the size when there is none.
std::size_t find_either(std::string_view octets, char a, char b);

}  // namespace angarium::message
