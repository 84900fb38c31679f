#include "protocol/imap/reader.h"

#include <algorithm>

#include "base/text.h"

namespace angarium::protocol::imap {
namespace {

/// "~{" 19 digits "+}" and a CR: the longest announcement.
constexpr std::size_t kTail = 32;

std::string_view without_cr(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

bool literal_at_end(std::string_view line, LiteralHead& head) {
  if (!line.ends_with('}')) return false;
  const auto open = line.rfind('{');
  if (open == std::string_view::npos) return false;
  auto digits = line.substr(open + 1, line.size() - open - 2);
  LiteralHead found;
  if (digits.ends_with('+')) {
    found.sync = LiteralHead::Sync::flows;
    digits.remove_suffix(1);
  }
  const auto size = parse_number<std::uint64_t>(digits);
  if (!size || *size > INT64_MAX) return false;
  found.size = *size;
  if (open > 0 && line[open - 1] == '~') found.form = LiteralHead::Form::binary;
  head = found;
  return true;
}

CommandReader::Event CommandReader::feed(std::string_view& input) {
  switch (state_) {
    case State::line: return feed_line(input);
    case State::literal: {
      const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(pending_, input.size()));
      text_.append(input.substr(0, take));
      input.remove_prefix(take);
      pending_ -= take;
      if (pending_ != 0) return Event::need_more;
      line_start_ = text_.size();
      state_ = State::line;
      return feed_line(input);
    }
    case State::discard_line:
    case State::discard_literal: return feed_discard(input);
    case State::waiting: return Event::need_more;
  }
  return Event::need_more;
}

CommandReader::Event CommandReader::feed_line(std::string_view& input) {
  const auto end = input.find('\n');
  const auto piece = input.substr(0, end);
  // One octet of room for the CR that is not part of the command.
  if (text_.size() + piece.size() > command_max_ + 1) return overflow(input);
  text_.append(piece);
  if (end == std::string_view::npos) {
    input = {};
    return Event::need_more;
  }
  if (text_.size() > line_start_ && text_.back() == '\r') text_.pop_back();
  if (text_.size() > command_max_) {
    input = input.substr(end);
    return overflow(input);
  }
  input.remove_prefix(end + 1);
  state_ = State::waiting;
  if (!literal_at_end(std::string_view(text_).substr(line_start_), head_)) return Event::line;
  text_ += "\r\n";
  announced_ = true;
  return Event::literal;
}

CommandReader::Event CommandReader::overflow(std::string_view& input) {
  tail_ = text_.substr(std::max(line_start_, text_.size() > kTail ? text_.size() - kTail : 0));
  text_.resize(std::min(text_.size(), kTagMax + 1));
  text_.append(input.substr(0, std::min(input.find('\n'), kTagMax + 1 - text_.size())));
  overflowed_ = true;
  state_ = State::discard_line;
  return feed_discard(input);
}

CommandReader::Event CommandReader::feed_discard(std::string_view& input) {
  for (;;) {
    if (state_ == State::discard_literal) {
      const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(pending_, input.size()));
      input.remove_prefix(take);
      pending_ -= take;
      if (pending_ != 0) return Event::need_more;
      state_ = State::discard_line;
    }
    const auto end = input.find('\n');
    const auto piece = input.substr(0, end);
    tail_.append(piece.substr(piece.size() > kTail ? piece.size() - kTail : 0));
    if (tail_.size() > kTail) tail_.erase(0, tail_.size() - kTail);
    if (end == std::string_view::npos) {
      input = {};
      return Event::need_more;
    }
    input.remove_prefix(end + 1);
    // Only a literal that comes without our leave follows; a client that waits for "+" sees the refusal instead.
    const bool follows = literal_at_end(without_cr(tail_), head_) && head_.sync == LiteralHead::Sync::flows;
    tail_.clear();
    if (!follows) {
      state_ = State::waiting;
      return Event::discarded;
    }
    pending_ = head_.size;
    state_ = State::discard_literal;
  }
}

void CommandReader::collect() {
  announced_ = false;
  pending_ = head_.size;
  state_ = State::literal;
}

void CommandReader::streamed() {
  announced_ = false;
  text_.clear();
  line_start_ = 0;
  state_ = State::line;
}

void CommandReader::discard() {
  announced_ = false;
  tail_.clear();
  pending_ = head_.size;
  state_ = State::discard_literal;
}

void CommandReader::next() {
  announced_ = false;
  text_.clear();
  line_start_ = 0;
  overflowed_ = false;
  state_ = State::line;
}

void CommandReader::release() {
  if (!empty()) return;
  text_ = {};
  tail_ = {};
}

}  // namespace angarium::protocol::imap
