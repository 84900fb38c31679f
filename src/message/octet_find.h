// Fast searches in octets, beyond what memchr does, and what goes with them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace angarium::message {

/// Index of the first octet that is `a` or `b`, or the size when there is none.
std::size_t find_either(std::string_view octets, char a, char b);

/// How many octets stand before the first above 127; the size when all are ASCII.
std::size_t ascii_prefix(std::string_view octets);

/// Whether `wanted`, which has no small ASCII letters, stands in the octets when their small ASCII letters are made
/// large. Without a copy; linear for the shorter of `wanted` that searches have, at worst both sizes multiplied.
bool contains_upper(std::string_view octets, std::string_view wanted);

/// Appends the octets with their small ASCII letters made large.
void append_upper(std::string& out, std::string_view octets);

}  // namespace angarium::message
