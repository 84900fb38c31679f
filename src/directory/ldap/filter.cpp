#include "directory/ldap/filter.h"

#include "base/text.h"

namespace angarium::directory {

std::string escape_filter_value(std::string_view value) {
  std::string escaped;
  escaped.reserve(value.size());
  for (const char c : value) {
    if (c == '*' || c == '(' || c == ')' || c == '\\' || is_control(c)) {
      escaped += '\\';
      escaped += to_hex(std::string_view(&c, 1));
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string fill_filter(const Template& filter, const Asked& asked) {
  std::string text;
  for (const Template::Piece& piece : filter.pieces) {
    text += piece.text;
    if (piece.place != Template::Place::none) text += escape_filter_value(value_of(piece.place, asked));
  }
  return text;
}

}  // namespace angarium::directory
