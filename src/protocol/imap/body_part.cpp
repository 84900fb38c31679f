#include "protocol/imap/body_part.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace angarium::protocol::imap {
namespace {

/// Octets of the value at the front: "(…)", a string or an atom.
std::size_t value_size(std::string_view text) {
  std::size_t depth = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      for (++at; at < text.size() && text[at] != '"'; ++at)
        if (text[at] == '\\') ++at;
      ++at;
    } else if (c == '{') {
      const auto end = text.find("}\r\n", at);
      const auto size = parse_number<std::size_t>(text.substr(at + 1, end - at - 1));
      if (end == std::string_view::npos || !size || *size > text.size()) return text.size();
      at = end + 3 + *size;
    } else if (c == '(') {
      ++depth;
      ++at;
    } else if (c == ')') {
      if (depth == 0) break;
      --depth;
      ++at;
    } else {
      if (depth == 0 && c == ' ') break;
      ++at;
    }
    if (depth == 0 && (c == '"' || c == '{' || c == ')')) break;
  }
  return std::min(at, text.size());
}

/// The values between the parentheses of one body; parts of a multipart stand without blanks between them.
std::vector<std::string_view> values_of(std::string_view body) {
  std::vector<std::string_view> values;
  if (body.size() < 2 || body.front() != '(') return values;
  body = body.substr(1, body.size() - 2);
  while (!body.empty()) {
    if (body.front() == ' ') body.remove_prefix(1);
    const auto size = value_size(body);
    if (size == 0) break;
    values.push_back(body.substr(0, size));
    body.remove_prefix(size);
  }
  return values;
}

bool is_multipart(std::string_view body) { return body.starts_with("(("); }

/// body-type-msg: type, subtype, six fields, envelope, body, lines.
constexpr std::size_t kEnclosedAt = 8;

}  // namespace

std::optional<std::string_view> body_of_part(std::string_view body, std::span<const std::uint32_t> numbers) {
  bool first = true;
  for (const auto number : numbers) {
    if (!first && !is_multipart(body)) {
      const auto values = values_of(body);
      if (values.size() <= kEnclosedAt || !values[kEnclosedAt].starts_with('(')) return std::nullopt;
      body = values[kEnclosedAt];
    }
    first = false;
    if (!is_multipart(body)) {
      // What is no multipart has one part: itself.
      if (number != 1) return std::nullopt;
      continue;
    }
    const auto values = values_of(body);
    if (number > values.size() || !values[number - 1].starts_with('(')) return std::nullopt;
    body = values[number - 1];
  }
  return body;
}

std::string body_without_encoding(std::string_view body, std::uint64_t octets) {
  constexpr std::size_t kEncodingAt = 5;
  constexpr std::size_t kOctetsAt = 6;
  const auto values = values_of(body);
  if (is_multipart(body) || values.size() <= kOctetsAt) return std::string(body);
  const auto before = body.substr(0, static_cast<std::size_t>(values[kEncodingAt].data() - body.data()));
  const auto end = values[kOctetsAt].data() + values[kOctetsAt].size();
  return std::string(before) + "\"BINARY\" " + std::to_string(octets) +
         std::string(body.substr(static_cast<std::size_t>(end - body.data())));
}

}  // namespace angarium::protocol::imap
