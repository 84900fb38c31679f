#include "message/lexical.h"

#include <algorithm>

namespace angarium::message {

bool all_of(std::string_view text, unsigned classes) {
  return !text.empty() && std::ranges::all_of(text, [classes](char c) { return is_of(c, classes); });
}

bool is_dot_atom(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  char before = 0;
  for (char c : text) {
    if (c == '.' ? before == '.' : !is_of(c, kAtext)) return false;
    before = c;
  }
  return true;
}

std::string quote_local_part(std::string_view local_part) {
  if (is_dot_atom(local_part)) return std::string(local_part);
  std::string quoted = "\"";
  for (char c : local_part) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted += '"';
}

std::size_t comment_end(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\') {
      ++at;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')' && --depth == 0) {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

std::size_t skip_cfws(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    if (is_space(text[at])) {
      ++at;
    } else if (text[at] == '(') {
      at = std::min(comment_end(text, at), text.size());
    } else {
      break;
    }
  }
  return at;
}

}  // namespace angarium::message
