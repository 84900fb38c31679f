// Octet classes of the message formats (RFC 5322 §3.2, RFC 2045 §5.1, RFC 2231 §7), one table look-up each.
// UTF-8 octets above 127 count as text where RFC 6532 §3.2 allows them; whether a field may hold them is for
// its parser to say.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace angarium::message {

/// Bits of kOctetClasses.
enum OctetClass : std::uint16_t {
  kAtext = 1 << 0,          ///< RFC 5322 §3.2.3, with RFC 6532 §3.2
  kQtext = 1 << 1,          ///< RFC 5322 §3.2.4: all printable but quote and backslash, with RFC 6532 §3.2
  kCtext = 1 << 2,          ///< RFC 5322 §3.2.2: all printable but parentheses and backslash, with RFC 6532 §3.2
  kDtext = 1 << 3,          ///< RFC 5322 §3.4.1: all printable but brackets and backslash, with RFC 6532 §3.2
  kFtext = 1 << 4,          ///< RFC 5322 §3.6.8: octets of a field name
  kToken = 1 << 5,          ///< RFC 2045 §5.1
  kAttributeChar = 1 << 6,  ///< RFC 2231 §7: what stands unescaped in an extended parameter value
  kObsNoWsCtl = 1 << 7,     ///< RFC 5322 §4.1: controls once allowed in text
  kVchar = 1 << 8,          ///< RFC 5234 appendix B.1, with RFC 6532 §3.1
};

namespace detail {
consteval std::array<std::uint16_t, 256> make_octet_classes() {
  constexpr std::string_view kAtomSpecials = "()<>[]:;@\\,.\"";
  constexpr std::string_view kTspecials = "()<>@,;:\\\"/[]?=";
  std::array<std::uint16_t, 256> table{};
  for (unsigned c = 0; c < 256; ++c) {
    const char octet = static_cast<char>(c);
    unsigned bits = 0;
    if (c > 127) bits = kAtext | kQtext | kCtext | kDtext | kVchar;
    if (c > 32 && c < 127) {
      bits |= kVchar;
      if (kAtomSpecials.find(octet) == std::string_view::npos) bits |= kAtext;
      if (octet != '"' && octet != '\\') bits |= kQtext;
      if (octet != '(' && octet != ')' && octet != '\\') bits |= kCtext;
      if (octet != '[' && octet != ']' && octet != '\\') bits |= kDtext;
      if (octet != ':') bits |= kFtext;
      if (kTspecials.find(octet) == std::string_view::npos) {
        bits |= kToken;
        if (octet != '*' && octet != '\'' && octet != '%') bits |= kAttributeChar;
      }
    }
    if ((c >= 1 && c <= 8) || c == 11 || c == 12 || (c >= 14 && c <= 31) || c == 127) bits |= kObsNoWsCtl;
    table[c] = static_cast<std::uint16_t>(bits);
  }
  return table;
}
}  // namespace detail

inline constexpr std::array<std::uint16_t, 256> kOctetClasses = detail::make_octet_classes();

/// Whether the octet belongs to one of the classes given as bits.
constexpr bool is_of(char octet, unsigned classes) {
  return (kOctetClasses[static_cast<unsigned char>(octet)] & classes) != 0;
}
/// Whether all octets belong to one of the classes, and there is at least one.
bool all_of(std::string_view text, unsigned classes);

/// dot-atom-text of RFC 5322 §3.2.3: atoms with single dots between them.
bool is_dot_atom(std::string_view text);
/// A local part as it is written in an address: in quotes only if it must be (RFC 5321 §4.1.2).
std::string quote_local_part(std::string_view local_part);

/// How closely what was read follows its standard. Real mail is read at any grade; what we write is `standard`.
enum class Conformance {
  standard,   ///< the grammar that must be generated
  obsolete,   ///< the grammar that must still be read (RFC 5322 §4)
  malformed,  ///< outside both; what is given is a guess
};
constexpr Conformance worse(Conformance a, Conformance b) { return a < b ? b : a; }

/// Index just past the comment that opens at `at`, or npos when it never closes (RFC 5322 §3.2.2). Nesting is
/// counted, not recursed into, so any depth costs the same stack.
std::size_t comment_end(std::string_view text, std::size_t at);
/// Index of the first octet at or after `at` that is neither blank, line end nor comment. A comment that never closes
/// takes the rest of the text.
std::size_t skip_cfws(std::string_view text, std::size_t at);
/// Blank or line end.
constexpr bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace angarium::message
