#include "base/text.h"

#include <algorithm>
#include <cstring>

namespace angarium {

std::string to_lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = to_lower(c);
  return result;
}

std::string to_upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = to_upper(c);
  return result;
}

bool equals_ignore_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return to_lower(x) == to_lower(y); });
}

bool starts_with_ignore_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && equals_ignore_case(text.substr(0, prefix.size()), prefix);
}

bool LessIgnoreCase::operator()(std::string_view a, std::string_view b) const {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return static_cast<unsigned char>(to_lower(x)) < static_cast<unsigned char>(to_lower(y));
  });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_wsp(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_wsp(text.back())) text.remove_suffix(1);
  return text;
}

bool all_ascii(std::string_view text) {
  const char* p = text.data();
  std::size_t n = text.size();
  for (; n >= 8; p += 8, n -= 8) {
    std::uint64_t word;
    std::memcpy(&word, p, 8);
    if (word & 0x8080808080808080U) return false;
  }
  for (; n > 0; ++p, --n)
    if (!is_ascii(*p)) return false;
  return true;
}

namespace {

/// Octets of the well-formed UTF-8 sequence at the start of `text` (RFC 3629 section 4), or 0.
std::size_t utf8_sequence(std::string_view text) {
  auto octet = [&](std::size_t i) -> unsigned { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  auto tail = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return octet(i) >= low && octet(i) <= high;
  };
  const unsigned first = octet(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return tail(1, low, high) && tail(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return tail(1, low, high) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

constexpr std::array<std::int8_t, 256> kBase64Values = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kBase64Digits.size(); ++i)
    values[static_cast<unsigned char>(kBase64Digits[i])] = static_cast<std::int8_t>(i);
  return values;
}();

}  // namespace

bool valid_utf8(std::string_view text) {
  while (!text.empty()) {
    if (text.size() >= 8 && all_ascii(text.substr(0, 8))) {
      text.remove_prefix(8);
      continue;
    }
    const std::size_t length = utf8_sequence(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  const std::string_view head = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return head;
}

std::string to_hex(std::string_view octets) {
  std::string result;
  result.reserve(octets.size() * 2);
  for (char c : octets) {
    const auto value = static_cast<unsigned char>(c);
    result += kHexDigits[value >> 4];
    result += kHexDigits[value & 15];
  }
  return result;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string result;
  result.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    result += static_cast<char>(high * 16 + low);
  }
  return result;
}

std::string to_base64(std::string_view octets) {
  std::string result;
  result.reserve((octets.size() + 2) / 3 * 4);
  auto at = [&](std::size_t i) -> unsigned { return static_cast<unsigned char>(octets[i]); };
  std::size_t i = 0;
  for (; i + 3 <= octets.size(); i += 3) {
    const unsigned v = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    result += kBase64Digits[v >> 18];
    result += kBase64Digits[v >> 12 & 63];
    result += kBase64Digits[v >> 6 & 63];
    result += kBase64Digits[v & 63];
  }
  if (octets.size() - i == 1) {
    const unsigned v = at(i) << 16;
    result += kBase64Digits[v >> 18];
    result += kBase64Digits[v >> 12 & 63];
    result += "==";
  } else if (octets.size() - i == 2) {
    const unsigned v = at(i) << 16 | at(i + 1) << 8;
    result += kBase64Digits[v >> 18];
    result += kBase64Digits[v >> 12 & 63];
    result += kBase64Digits[v >> 6 & 63];
    result += '=';
  }
  return result;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  const std::size_t digits = text.size() - padding;
  std::string result;
  result.reserve(text.size() / 4 * 3);
  unsigned bits = 0;
  int count = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const int value = kBase64Values[static_cast<unsigned char>(text[i])];
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<unsigned>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      result += static_cast<char>(bits >> count & 255);
    }
  }
  if ((bits & ((1U << count) - 1)) != 0) return std::nullopt;
  return result;
}

std::string escape_controls(std::string_view octets, std::size_t max) {
  std::string result;
  result.reserve(std::min(octets.size(), max) + 8);
  while (!octets.empty()) {
    if (result.size() >= max) return result + "...";
    const std::size_t length = utf8_sequence(octets);
    const char c = octets.front();
    if (length == 0 || is_control(c) || c == '\\') {
      result += "\\x";
      result += to_hex(octets.substr(0, 1));
      octets.remove_prefix(1);
      continue;
    }
    // C1 controls (U+0080-U+009F) move the cursor of a terminal as well as C0 ones do.
    if (length == 2 && static_cast<unsigned char>(c) == 0xC2 && static_cast<unsigned char>(octets[1]) < 0xA0) {
      result += "\\x" + to_hex(octets.substr(0, 1)) + "\\x" + to_hex(octets.substr(1, 1));
    } else {
      result += octets.substr(0, length);
    }
    octets.remove_prefix(length);
  }
  return result;
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference =
        static_cast<unsigned char>(difference | (static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i])));
  return difference == 0;
}

void wipe(std::string& secret) {
  volatile char* p = secret.data();
  for (std::size_t i = 0; i < secret.size(); ++i) p[i] = 0;
  secret.clear();
}

}  // namespace angarium
