// The loops of the structure parser that see every octet. Used by structure.cpp only.
#pragma once

#include <cstdint>
#include <string_view>

namespace angarium::message {

/// Where a line that begins with "--" (or with a "-" that is the last octet) starts, or the end of `octets`. Adds the
/// line ends passed to `lines`. `at_line_start` says whether octets[0] begins a line, and afterwards whether the octet
/// behind what was passed does.
std::size_t find_dashes(std::string_view octets, bool& at_line_start, std::uint64_t& lines);

/// How many line feeds there are.
std::uint64_t count_lines(std::string_view octets);

/// The first line with its line feed, or all octets when it has none; `eight_bit` is set when it holds an octet above
/// 127.
std::string_view first_line(std::string_view octets, bool& eight_bit);

}  // namespace angarium::message
