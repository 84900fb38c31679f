#include "mua/screen.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"
#include "message/charset.h"

namespace angarium::mua {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// The character at the front, and its octets. The text is UTF-8.
struct Character {
  char32_t code = 0;
  std::size_t size = 1;
};
Character first_of(std::string_view text) {
  const auto octet = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i])); };
  const char32_t first = octet(0);
  if (first < 0x80) return {first, 1};
  if (first < 0xE0) return {(first & 0x1F) << 6 | (octet(1) & 0x3F), 2};
  if (first < 0xF0) return {(first & 0x0F) << 12 | (octet(1) & 0x3F) << 6 | (octet(2) & 0x3F), 3};
  return {(first & 0x07) << 18 | (octet(1) & 0x3F) << 12 | (octet(2) & 0x3F) << 6 | (octet(3) & 0x3F), 4};
}

bool obeyed(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0x2028 || code == 0x2029;
}

struct Span {
  char32_t first;
  char32_t last;
};
bool within(char32_t code, std::span<const Span> spans) {
  return std::ranges::any_of(spans, [&](const Span& span) { return code >= span.first && code <= span.last; });
}
/// Unicode's East_Asian_Width W and F, by blocks; and marks that combine.
constexpr std::array<Span, 10> kWide = {{{0x1100, 0x115F},
                                         {0x2E80, 0x303E},
                                         {0x3041, 0xA4CF},
                                         {0xAC00, 0xD7A3},
                                         {0xF900, 0xFAFF},
                                         {0xFE30, 0xFE6F},
                                         {0xFF00, 0xFF60},
                                         {0xFFE0, 0xFFE6},
                                         {0x1F300, 0x1FAFF},
                                         {0x20000, 0x3FFFD}}};
constexpr std::array<Span, 8> kNone = {{{0x0300, 0x036F},
                                        {0x0483, 0x0489},
                                        {0x0591, 0x05BD},
                                        {0x0610, 0x061A},
                                        {0x064B, 0x065F},
                                        {0x200B, 0x200F},
                                        {0x20D0, 0x20FF},
                                        {0xFE00, 0xFE0F}}};

std::size_t width(char32_t code) {
  if (code < 0x300) return 1;
  if (within(code, kNone)) return 0;
  return within(code, kWide) ? 2 : 1;
}

enum class Lines { one, many };

std::string made_visible(std::string_view text, Lines lines) {
  const std::string repaired = valid_utf8(text) ? std::string() : message::repair_utf8(text);
  std::string_view rest = repaired.empty() ? text : std::string_view(repaired);
  std::string out;
  out.reserve(rest.size());
  while (!rest.empty()) {
    const Character character = first_of(rest);
    const char c = rest.front();
    if (lines == Lines::many && (c == '\n' || c == '\t')) {
      out += c;
    } else if (lines == Lines::many && c == '\r' && rest.size() > 1 && rest[1] == '\n') {
      // The line feed follows.
    } else if (lines == Lines::many && c == '\f') {
      out += '\n';
    } else if (c == '\t') {
      out += ' ';
    } else {
      out += obeyed(character.code) ? kReplacement : rest.substr(0, character.size);
    }
    rest.remove_prefix(character.size);
  }
  return out;
}

}  // namespace

std::string visible(std::string_view text) { return made_visible(text, Lines::one); }

std::string visible_text(std::string_view text) { return made_visible(text, Lines::many); }

std::size_t columns(std::string_view utf8) {
  std::size_t sum = 0;
  while (!utf8.empty()) {
    const Character character = first_of(utf8);
    sum += width(character.code);
    utf8.remove_prefix(character.size);
  }
  return sum;
}

std::string fit(std::string_view utf8, std::size_t wanted) {
  std::string out;
  std::size_t sum = 0;
  while (!utf8.empty()) {
    const Character character = first_of(utf8);
    if (sum + width(character.code) > wanted) break;
    sum += width(character.code);
    out += utf8.substr(0, character.size);
    utf8.remove_prefix(character.size);
  }
  return out + std::string(wanted - sum, ' ');
}

}  // namespace angarium::mua
