// ASCII text and octets. Octets are std::string_view where they are looked at and std::string where they are owned.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace angarium {

using namespace std::string_view_literals;

constexpr bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alnum(char c) { return is_alpha(c) || is_digit(c); }
/// Space or horizontal tab: WSP of RFC 5234 appendix B.1.
constexpr bool is_wsp(char c) { return c == ' ' || c == '\t'; }
/// 0-31 and 127; not what is above 127.
constexpr bool is_control(char c) { return (c >= 0 && c < 32) || c == 127; }
constexpr bool is_ascii(char c) { return static_cast<unsigned char>(c) < 128; }
constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr char to_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }

std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
/// Equal without regard to ASCII case; other octets compare as they are.
bool equals_ignore_case(std::string_view a, std::string_view b);
bool starts_with_ignore_case(std::string_view text, std::string_view prefix);
/// Orders and hashes without regard to ASCII case, for maps keyed by names.
struct LessIgnoreCase {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};

/// Without spaces and tabs at both ends.
std::string_view trim(std::string_view text);
bool all_ascii(std::string_view text);
/// Well-formed UTF-8 by RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF.
bool valid_utf8(std::string_view text);

/// A whole decimal number (no sign, no blanks, nothing after it) that fits T.
template <std::unsigned_integral T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  if (text.empty()) return std::nullopt;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Splits off what stands before the first `separator`; the rest is left in `text`. Without one, takes all.
std::string_view take_until(std::string_view& text, char separator);

std::string to_hex(std::string_view octets);
std::optional<std::string> from_hex(std::string_view text);

/// RFC 4648 section 4, with padding, no line breaks.
std::string to_base64(std::string_view octets);
/// Strict inverse: right padding, no other octets, zero pad bits.
std::optional<std::string> from_base64(std::string_view text);

/// For logs, headers and replies we write: controls, DEL, backslash and ill-formed UTF-8 as \xHH, cut to `max` octets
/// with "...".
std::string escape_controls(std::string_view octets, std::size_t max = 512);

/// Compares in a time that depends on the lengths only: for secrets and what is derived from them.
bool equal_constant_time(std::string_view a, std::string_view b);
/// Overwrites the octets in a way the compiler keeps, then empties the string.
void wipe(std::string& secret);

}  // namespace angarium
