#include "message/xtext.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

#include "base/text.h"

namespace angarium::message {
namespace {

bool is_xchar(char c) { return c > 32 && c < 127 && c != '+' && c != '='; }

/// The octet of "+HH" at the start of the text, or -1.
int hexchar(std::string_view text) {
  if (text.size() < 3) return -1;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + 3, value, 16);
  return error == std::errc{} && end == text.data() + 3 ? static_cast<int>(value) : -1;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto octet = [&out](std::uint32_t value) { out += static_cast<char>(static_cast<unsigned char>(value)); };
  if (code < 0x80) {
    octet(code);
  } else if (code < 0x800) {
    octet(0xC0 | code >> 6);
    octet(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    octet(0xE0 | code >> 12);
    octet(0x80 | (code >> 6 & 0x3F));
    octet(0x80 | (code & 0x3F));
  } else {
    octet(0xF0 | code >> 18);
    octet(0x80 | (code >> 12 & 0x3F));
    octet(0x80 | (code >> 6 & 0x3F));
    octet(0x80 | (code & 0x3F));
  }
}

/// Octets of the character at the start of the text, 0 when it is not UTF-8.
std::size_t character_size(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return size <= text.size() && valid_utf8(text.substr(0, size)) ? size : 0;
}

std::uint32_t code_point(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  std::uint32_t code = character.size() == 1 ? lead : lead & (0x7Fu >> character.size());
  for (char c : character.substr(1)) code = code << 6 | (static_cast<unsigned char>(c) & 0x3Fu);
  return code;
}

/// EmbeddedUnicodeChar at the start of the text; gives its length, or 0.
std::size_t take_embedded(std::string_view text, std::string& out) {
  // "\x{" 2-6 hexadecimal digits "}"
  const std::size_t close = text.substr(0, 10).find('}');
  if (!text.starts_with("\\x{") || close == std::string_view::npos || close < 5) return 0;
  std::uint32_t code = 0;
  const auto [end, error] = std::from_chars(text.data() + 3, text.data() + close, code, 16);
  if (error != std::errc{} || end != text.data() + close) return 0;
  if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return 0;
  append_utf8(out, code);
  return close + 1;
}

}  // namespace

std::string to_xtext(std::string_view octets) {
  std::string result;
  result.reserve(octets.size());
  for (char c : octets) {
    if (is_xchar(c)) {
      result += c;
    } else {
      fmt::format_to(std::back_inserter(result), "+{:02X}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

std::optional<std::string> from_xtext(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_xchar(text[i])) {
      result += text[i];
      continue;
    }
    const int octet = text[i] == '+' ? hexchar(text.substr(i)) : -1;
    if (octet < 0) return std::nullopt;
    result += static_cast<char>(octet);
    i += 2;
  }
  return result;
}

std::string to_utf8_addr_xtext(std::string_view address) {
  std::string result;
  while (!address.empty()) {
    const char c = address[0];
    if (is_xchar(c) && c != '\\') {
      result += c;
      address.remove_prefix(1);
      continue;
    }
    const std::size_t size = character_size(address);
    const std::uint32_t code = size == 0 ? 0xFFFD : code_point(address.substr(0, size));
    fmt::format_to(std::back_inserter(result), "\\x{{{:02X}}}", code);
    address.remove_prefix(size == 0 ? 1 : size);
  }
  return result;
}

std::optional<std::string> from_utf8_addr(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    std::size_t used = 1;
    if (text[0] == '\\') {
      used = take_embedded(text, result);
      if (used == 0) return std::nullopt;
    } else if (text[0] == '+') {
      const int octet = hexchar(text);
      if (octet < 0) return std::nullopt;
      result += static_cast<char>(octet);
      used = 3;
    } else if (is_xchar(text[0]) || !is_ascii(text[0])) {
      result += text[0];
    } else {
      return std::nullopt;
    }
    text.remove_prefix(used);
  }
  if (!valid_utf8(result)) return std::nullopt;
  return result;
}

std::string unescape_utf8_addr(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t used = text[0] == '\\' ? take_embedded(text, result) : 0;
    if (used == 0) result += text[0];
    text.remove_prefix(used == 0 ? 1 : used);
  }
  return result;
}

std::string to_utf8_addr(std::string_view address) {
  std::string result;
  result.reserve(address.size());
  while (!address.empty()) {
    const std::size_t size = character_size(address);
    const bool escaped = is_control(address[0]) || address.starts_with("\\x{");
    if (escaped) {
      fmt::format_to(std::back_inserter(result), "\\x{{{:02X}}}", static_cast<unsigned char>(address[0]));
    } else {
      result += size == 0 ? "\xEF\xBF\xBD" : address.substr(0, size);
    }
    address.remove_prefix(size == 0 ? 1 : size);
  }
  return result;
}

}  // namespace angarium::message
