#include <algorithm>

#include "base/text.h"
#include "message/imap_text.h"

namespace angarium::message {

namespace {

/// RFC 9051 §9: quoted = DQUOTE *QUOTED-CHAR DQUOTE; no CR, LF and NUL, and UTF-8 only where it was agreed on.
bool can_be_quoted(std::string_view value, ImapForm form) {
  if (value.size() > kQuotedMax) return false;
  bool ascii = true;
  for (const char c : value) {
    if (c == '\r' || c == '\n' || c == '\0') return false;
    ascii = ascii && is_ascii(c);
  }
  return ascii || (form == ImapForm::utf8 && valid_utf8(value));
}

}  // namespace

void append_imap_string(std::string& out, std::string_view value, ImapForm form) {
  if (can_be_quoted(value, form)) {
    out += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
    return;
  }
  if (value.find('\0') != std::string_view::npos) {
    std::string rest(value);
    std::erase(rest, '\0');
    return append_imap_string(out, rest, form);
  }
  out += '{';
  out += std::to_string(value.size());
  out += "}\r\n";
  out += value;
}

}  // namespace angarium::message
