#include "box/header_anew.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "box/box.h"

namespace angarium::box {

void HeaderAnew::take(std::string_view octets, std::string& out) {
  while (!octets.empty() && !over_) {
    if (!within_line_) {
      begin_line(octets.front(), out);
      octets.remove_prefix(1);
      continue;
    }
    const std::size_t end = std::min(octets.find('\n'), octets.size() - 1) + 1;
    give(octets.substr(0, end), out);
    octets.remove_prefix(end);
  }
  out += octets;
}

/// The next octet of a line of which nobody knows yet what it is.
void HeaderAnew::begin_line(char c, std::string& out) {
  line_ += c;
  if (line_ == "\r") return;
  if (line_ == "\n" || line_ == "\r\n") {
    finish(out);
    return;
  }
  const bool continued = line_.size() == 1 && is_wsp(c);
  if (!continued && c != ':' && c != '\n' && line_.size() < message::kBoxFieldNameMax) return;
  if (!continued) {
    using message::BoxField;
    const auto field = c == ':' ? message::match_box_field(line_).field : std::nullopt;
    const bool is_flags = field == BoxField::status || field == BoxField::x_status;
    reading_ = state_.keywords && field == BoxField::x_keywords;
    dropping_ = reading_ || (state_.flags && is_flags) || (state_.base && field == BoxField::x_imap_base);
  }
  const std::string begun = std::exchange(line_, {});
  within_line_ = true;
  // The name of a field of keywords is none.
  give(reading_ && !continued ? " " : std::string_view(begun), out);
}

/// More of a line that is known.
void HeaderAnew::give(std::string_view octets, std::string& out) {
  if (!dropping_) out += octets;
  if (reading_)
    keywords_ += octets.substr(0, message::kBoxFieldMax - std::min(keywords_.size(), message::kBoxFieldMax));
  const bool ended = octets.back() == '\n';
  const char before = octets.size() > 1 ? octets[octets.size() - 2] : last_;
  last_ = octets.back();
  if (!ended) return;
  within_line_ = false;
  if (!std::exchange(first_line_, false)) return;
  crlf_ = before == '\r';
  write_fields({.base = state_.base}, out);
}

void HeaderAnew::finish(std::string& out) {
  if (std::exchange(over_, true)) return;
  const bool empty_line = line_ == "\n" || line_ == "\r\n";
  if (!empty_line) out += line_;
  write_fields(fields_at_end(), out);
  if (empty_line) out += line_;
}

message::BoxState HeaderAnew::fields_at_end() const {
  message::BoxState state{.flags = state_.flags.value_or(0)};
  // A word of X-Keywords is written with the others, where X-IMAPbase names it.
  state.flags = static_cast<message::BoxFlags>(state.flags & ~message::kBoxPassed);
  if (!state_.keywords) return state;
  state.keywords = *state_.keywords;
  message::BoxState there;
  message::read_box_field(message::BoxField::x_keywords, keywords_, there);
  for (const std::string& word : there.keywords)
    if (find_name(state_.further_keywords, word) && !find_name(state.keywords, word)) state.keywords.push_back(word);
  return state;
}

void HeaderAnew::write_fields(const message::BoxState& state, std::string& out) const {
  for (const char c : message::format_box_fields(state)) {
    if (c == '\n' && crlf_) out += '\r';
    out += c;
  }
}

}  // namespace angarium::box
