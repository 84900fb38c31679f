#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "message/mbox.h"

namespace angarium::message {
namespace {

constexpr std::string_view kFrom = "From ";

const char* find_lf(const char* begin, const char* end) {
  return static_cast<const char*>(std::memchr(begin, '\n', static_cast<std::size_t>(end - begin)));
}

}  // namespace

std::string MboxWriter::begin(std::string_view sender, const DateTime& date, const BoxState& state, MboxBody body) {
  fields_.clear();
  if (options_.state_fields == MboxStateFields::replaced) fields_ = format_box_fields(state);
  if (has_length()) fields_ += fmt::format("Content-Length: {}\nLines: {}\n", body.octets, body.lines);
  return format_mbox_separator(sender, date);
}

std::string_view MboxWriter::take(std::string_view& message) {
  std::string_view given;
  while (given.empty() && !message.empty()) {
    switch (state_) {
      case State::line_start:
      case State::marks: given = line_start(message); break;
      case State::text: given = text(message); break;
      case State::dropped:
      case State::dropped_line_start: given = dropped(message); break;
    }
  }
  return given;
}

bool MboxWriter::drops(BoxField field) const {
  if (options_.state_fields == MboxStateFields::replaced) return true;
  return has_length() && (field == BoxField::content_length || field == BoxField::lines);
}

bool MboxWriter::may_begin_line_of_interest(char first) const {
  if (first == 'F') return quotes();
  if (first == '>') return options_.variant == MboxVariant::mboxrd;
  return in_header_ && std::string_view("\r\nCcLlSsXx").contains(first);
}

std::string_view MboxWriter::line_start(std::string_view& message) {
  if (line_.empty() && !may_begin_line_of_interest(message.front())) {
    state_ = State::text;
    return text(message);
  }
  if (line_.empty() && message.front() == '>') {  // "From " may follow: the mark that is added stands before it
    const std::size_t size = std::min(message.find_first_not_of('>'), message.size());
    const std::string_view marks = message.substr(0, size);
    message.remove_prefix(size);
    state_ = State::marks;
    return count(marks);
  }
  while (!message.empty()) {
    line_ += message.front();
    message.remove_prefix(1);
    if (quotes() && kFrom.starts_with(line_)) {
      if (line_.size() < kFrom.size()) continue;
      line_.insert(0, ">");
      return held_line();
    }
    if (!in_header_ || state_ == State::marks) return held_line();
    if (line_ == "\r") continue;
    if (line_ == "\n" || line_ == "\r\n") {
      out_ = fields_;
      out_ += options_.line_ends == MboxLineEnds::translated ? "\n" : line_;
      line_.clear();
      at_line_end_ = true;
      in_header_ = false;
      return out_;
    }
    const BoxFieldMatch match = match_box_field(line_);
    if (match.possible) continue;
    if (!match.field || !drops(*match.field)) return held_line();
    line_.clear();
    state_ = State::dropped;
    return {};
  }
  return {};
}

/// What was held of a line is text.
std::string_view MboxWriter::held_line() {
  out_ = std::exchange(line_, {});
  state_ = out_.ends_with('\n') ? State::line_start : State::text;
  if (options_.line_ends == MboxLineEnds::translated && out_.ends_with('\r')) {
    out_.pop_back();
    held_cr_ = true;
  }
  return count(out_);
}

std::string_view MboxWriter::text(std::string_view& message) {
  if (std::exchange(held_cr_, false) && message.front() != '\n') return count("\r");
  const bool translated = options_.line_ends == MboxLineEnds::translated;
  const char* begin = message.data();
  const char* end = begin + message.size();
  const char* stop = nullptr;
  std::size_t left_out = 0;
  for (const char* line = begin; stop == nullptr;) {
    const char* lf = find_lf(line, end);
    if (lf == nullptr) {
      held_cr_ = translated && end[-1] == '\r';
      left_out = held_cr_ ? 1 : 0;
      stop = end - left_out;
    } else if (translated && lf != begin && lf[-1] == '\r') {
      left_out = 1;
      stop = lf - 1;
    } else if (line = lf + 1; line == end || may_begin_line_of_interest(*line)) {
      state_ = State::line_start;
      stop = line;
    }
  }
  const std::string_view run = message.substr(0, static_cast<std::size_t>(stop - begin));
  message.remove_prefix(run.size() + left_out);
  return count(run);
}

std::string_view MboxWriter::dropped(std::string_view& message) {
  if (state_ == State::dropped_line_start && message.front() != ' ' && message.front() != '\t') {
    state_ = State::line_start;
    return {};
  }
  const std::size_t lf = message.find('\n');
  state_ = lf == std::string_view::npos ? State::dropped : State::dropped_line_start;
  message.remove_prefix(lf == std::string_view::npos ? message.size() : lf + 1);
  return {};
}

std::string_view MboxWriter::count(std::string_view octets) {
  if (octets.empty()) return octets;
  at_line_end_ = octets.ends_with('\n');
  if (has_length() && !in_header_) {
    body_.octets += octets.size();
    body_.lines += static_cast<std::uint64_t>(std::ranges::count(octets, '\n'));
  }
  return octets;
}

std::string_view MboxWriter::finish() {
  std::string rest = std::exchange(line_, {});
  if (in_header_ && rest == "\r") {  // it becomes an empty line, which ends the header
    rest = fields_ + "\r\n";
    in_header_ = false;
    at_line_end_ = true;
  } else {
    if (held_cr_) rest += '\r';
    count(rest);
  }
  if (!at_line_end_) {
    rest += '\n';
    count("\n");
  }
  if (in_header_) rest += fields_;
  rest += '\n';
  out_ = std::move(rest);
  return out_;
}

}  // namespace angarium::message
