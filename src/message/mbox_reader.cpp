#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "message/mbox.h"

namespace angarium::message {
namespace {

constexpr std::string_view kFrom = "From ";
constexpr std::string_view kQuotedFrom = ">From ";
/// Line ends between a body's promised end and the separator: the closing one, and that of a last line without one.
constexpr std::size_t kClosingLinesMax = 2;

const char* find_lf(const char* begin, const char* end) {
  return static_cast<const char*>(std::memchr(begin, '\n', static_cast<std::size_t>(end - begin)));
}

bool is_blank_line(std::string_view line) { return line == "\n" || line == "\r\n"; }

/// Whether a separator may follow the blank line that begins there, as far as octets are at hand.
bool may_close(const char* at, const char* end) {
  if (*at == '\r') {
    if (++at == end) return true;
    if (*at != '\n') return false;
  }
  return ++at == end || *at == 'F';
}

constexpr MboxStep kNothing{};

}  // namespace

MboxStep MboxReader::next(std::string_view& input) {
  while (true) {
    if (pending_) {
      const MboxStep::Kind kind = *std::exchange(pending_, std::nullopt);
      if (kind == MboxStep::Kind::message) {
        separator_ = std::move(next_separator_);
        state_ = {};
      }
      return {.kind = kind, .octets = {}};
    }
    if (trusted_ && body_left_ == 0 && state_now_ != State::closing) {
      const MboxStep rest = trusted_end();
      if (rest.kind != MboxStep::Kind::need_input) return rest;
      continue;
    }
    if (input.empty()) return finished_ ? at_end() : kNothing;
    const bool bounded = trusted_ && state_now_ != State::closing;
    std::string_view visible =
        bounded ? input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, input.size()))) : input;
    const std::size_t before = visible.size();
    const MboxStep found = step(visible);
    const std::size_t taken = before - visible.size();
    input.remove_prefix(taken);
    offset_ += taken;
    if (bounded) body_left_ -= taken;
    if (found.kind != MboxStep::Kind::need_input) return found;
  }
}

MboxStep MboxReader::step(std::string_view& input) {
  switch (state_now_) {
    case State::outside: return skip_to_message(input);
    case State::line_start: return line_start(input);
    case State::text: return text(input);
    case State::field: return field(input);
    case State::field_line_start: return field_line_start(input);
    case State::closing: return closing(input);
  }
  return kNothing;
}

/// Before the first separator: every line is looked at, blank line before it or not.
MboxStep MboxReader::skip_to_message(std::string_view& input) {
  const char* lf = find_lf(input.data(), input.data() + input.size());
  const std::size_t size = lf == nullptr ? input.size() : static_cast<std::size_t>(lf - input.data()) + 1;
  // Of a line that is too long for a separator only so much is kept that it stays too long.
  line_ += input.substr(0, std::min(size, kMboxSeparatorMax + 3 - std::min(line_.size(), kMboxSeparatorMax + 3)));
  input.remove_prefix(size);
  skipped_ += size;
  if (lf == nullptr) return kNothing;
  std::optional<MboxSeparator> separator = separator_of(line_);
  if (separator) skipped_ -= line_.size();
  line_.clear();
  return separator ? begin_message(std::move(separator)) : kNothing;
}

MboxStep MboxReader::begin_message(std::optional<MboxSeparator> separator) {
  next_separator_ = std::move(*separator);
  pending_ = MboxStep::Kind::message;
  const bool ended = std::exchange(in_message_, true);
  in_header_ = true;
  trusted_ = false;
  after_cr_ = false;
  blank_ = {};
  line_.clear();
  state_now_ = State::line_start;
  return ended ? MboxStep{.kind = MboxStep::Kind::message_end, .octets = {}} : kNothing;
}

MboxStep MboxReader::emit(std::string_view octets) {
  if (octets.empty()) return kNothing;
  after_cr_ = octets.back() == '\r';
  return {.kind = MboxStep::Kind::octets, .octets = octets};
}

/// Gives a blank line that turned out not to close the message, and the line or its beginning.
MboxStep MboxReader::emit_held(std::string_view line) {
  out_.clear();
  for (std::string_view each : {std::exchange(blank_, {}), line}) {
    if (options_.line_ends == MboxLineEnds::translated && each.ends_with('\n') && !each.ends_with("\r\n")) {
      out_ += each.substr(0, each.size() - 1);
      out_ += "\r\n";
    } else {
      out_ += each;
    }
  }
  return emit(out_);
}

bool MboxReader::may_begin_line_of_interest(const char* at, const char* end) const {
  switch (*at) {
    case '>': return unquotes() && (at + 1 == end || at[1] == '>' || at[1] == 'F');
    case '\r':
    case '\n': return in_header_ || (!trusted_ && may_close(at, end));
    case 'F': return !blank_.empty() && !trusted_;
    case 'C':
    case 'c':
    case 'L':
    case 'l':
    case 'S':
    case 's':
    case 'X':
    case 'x': return in_header_;
    default: return false;
  }
}

/// What line_, the beginning of a line, is.
MboxReader::Verdict MboxReader::judge() const {
  if (line_.ends_with('\n')) {
    if (is_blank_line(line_) && (in_header_ || !trusted_)) return Verdict::blank;
    return !trusted_ && !blank_.empty() && separator_of(line_) ? Verdict::separator : Verdict::text;
  }
  if (line_ == "\r") return Verdict::undecided;
  if (line_.front() == '>') {
    if (!unquotes() || !kQuotedFrom.starts_with(line_)) return Verdict::text;
    return line_.size() == kQuotedFrom.size() ? Verdict::quoted : Verdict::undecided;
  }
  if (line_.front() == 'F' && !blank_.empty() && !trusted_) {
    const bool may_separate = line_.size() < kFrom.size() ? kFrom.starts_with(line_) : line_.starts_with(kFrom);
    return may_separate && line_.size() <= kMboxSeparatorMax + 1 ? Verdict::undecided : Verdict::text;
  }
  if (!in_header_) return Verdict::text;
  const BoxFieldMatch match = match_box_field(line_);
  if (match.field) return Verdict::field;
  return match.possible ? Verdict::undecided : Verdict::text;
}

MboxStep MboxReader::line_start(std::string_view& input) {
  if (line_.empty() && blank_.empty() && !may_begin_line_of_interest(input.data(), input.data() + input.size())) {
    state_now_ = State::text;
    return text(input);
  }
  while (!input.empty()) {
    if (line_ == ">" && input.front() == '>' && options_.variant == MboxVariant::mboxrd) return quote_marks(input);
    line_ += input.front();
    input.remove_prefix(1);
    const Verdict verdict = judge();
    if (verdict != Verdict::undecided) return decided(verdict);
  }
  return kNothing;
}

/// A line of several '>': one of them stays held, for they are all alike.
MboxStep MboxReader::quote_marks(std::string_view& input) {
  if (!blank_.empty()) return emit_held({});
  const std::size_t size = std::min(input.find_first_not_of('>'), input.size());
  const std::string_view marks = input.substr(0, size);
  input.remove_prefix(size);
  return emit(marks);
}

MboxStep MboxReader::decided(Verdict verdict) {
  switch (verdict) {
    case Verdict::blank: return blank_line();
    case Verdict::separator: return begin_message(separator_of(line_));
    case Verdict::field: {
      field_ = match_box_field(line_).field;
      value_.clear();
      state_now_ = State::field;
      const MboxStep name = options_.state_fields == MboxStateFields::kept ? emit_held(line_) : kNothing;
      line_.clear();
      return name;
    }
    case Verdict::quoted: line_.erase(0, 1); break;
    case Verdict::text:
    case Verdict::undecided: break;
  }
  state_now_ = line_.ends_with('\n') ? State::line_start : State::text;
  const MboxStep held = emit_held(line_);
  line_.clear();
  return held;
}

MboxStep MboxReader::blank_line() {
  const MboxStep before = blank_.empty() ? kNothing : emit_held({});
  blank_ = line_ == "\n" ? "\n" : "\r\n";
  line_.clear();
  state_now_ = State::line_start;
  if (!std::exchange(in_header_, false)) return before;
  const bool has_length = options_.variant == MboxVariant::mboxcl || options_.variant == MboxVariant::mboxcl2;
  if (has_length && state_.content_length && *state_.content_length <= UINT64_MAX / 2) pending_ = MboxStep::Kind::probe;
  return kNothing;
}

const char* MboxReader::run_end(const char* begin, const char* end) {
  if (trusted_ && !unquotes() && options_.line_ends == MboxLineEnds::kept) return end;
  for (const char* line = begin;;) {
    const char* lf = find_lf(line, end);
    if (lf == nullptr) return end;
    const bool crlf = lf == begin ? after_cr_ : lf[-1] == '\r';
    if (options_.line_ends == MboxLineEnds::translated && !crlf) return lf;
    line = lf + 1;
    if (line == end || may_begin_line_of_interest(line, end)) {
      state_now_ = State::line_start;
      return line;
    }
  }
}

MboxStep MboxReader::text(std::string_view& input) {
  const char* begin = input.data();
  const auto size = static_cast<std::size_t>(run_end(begin, begin + input.size()) - begin);
  if (size == 0) {  // an LF that becomes CR LF
    input.remove_prefix(1);
    state_now_ = State::line_start;
    return emit("\r\n");
  }
  const std::string_view run = input.substr(0, size);
  input.remove_prefix(size);
  return emit(run);
}

MboxStep MboxReader::field(std::string_view& input) {
  const char* lf = find_lf(input.data(), input.data() + input.size());
  std::size_t size = lf == nullptr ? input.size() : static_cast<std::size_t>(lf - input.data()) + 1;
  const bool kept = options_.state_fields == MboxStateFields::kept;
  std::string_view shown = input.substr(0, size);
  if (kept && lf != nullptr && options_.line_ends == MboxLineEnds::translated) {
    const bool crlf = size == 1 ? after_cr_ : shown[size - 2] == '\r';
    if (!crlf && size > 1) {  // the LF comes in a step of its own
      --size;
      lf = nullptr;
      shown.remove_suffix(1);
    } else if (!crlf) {
      shown = "\r\n";
    }
  }
  value_ += input.substr(0, std::min(size, kBoxFieldMax - value_.size()));
  input.remove_prefix(size);
  if (lf != nullptr) state_now_ = State::field_line_start;
  return kept ? emit(shown) : kNothing;
}

MboxStep MboxReader::field_line_start(std::string_view& input) {
  if (is_wsp(input.front())) {  // RFC 5322 §2.2.3: the field goes on
    state_now_ = State::field;
    return field(input);
  }
  end_field();
  state_now_ = State::line_start;
  return kNothing;
}

void MboxReader::end_field() {
  const bool is_foreign = field_ == BoxField::x_imap || field_ == BoxField::mozilla_status ||
                          field_ == BoxField::mozilla_status2 || field_ == BoxField::mozilla_keys;
  const bool told = options_.state_told == MboxStateTold::by_all || !is_foreign;
  if (field_ && told) read_box_field(*field_, value_, state_);
  field_.reset();
}

std::uint64_t MboxReader::probe_offset() const {
  const std::uint64_t length = state_.content_length.value_or(0);
  return offset_ + length - (length == 0 ? 0 : 1);
}

void MboxReader::probed(std::optional<std::string_view> octets) {
  trusted_ = octets && body_ends_there(octets->substr(0, kMboxProbeOctets));
  if (trusted_) body_left_ = *state_.content_length;
}

bool MboxReader::body_ends_there(std::string_view octets) const {
  bool line_ended = true;
  const bool whole = octets.size() < kMboxProbeOctets;  // the file ends within them
  if (*state_.content_length != 0) {
    if (octets.empty()) return false;
    line_ended = octets.front() == '\n';
    octets.remove_prefix(1);
  }
  if (octets.empty()) return whole;
  for (std::size_t lines = 0; lines <= kClosingLinesMax; ++lines) {
    if (octets.empty()) return whole;
    const char* lf = find_lf(octets.data(), octets.data() + octets.size());
    if (lf == nullptr) return false;
    const std::string_view line = octets.substr(0, static_cast<std::size_t>(lf - octets.data()) + 1);
    if (!is_blank_line(line)) return line_ended && separator_of(line).has_value();
    line_ended = true;
    octets.remove_prefix(line.size());
  }
  return false;
}

/// The body was given: what is held of it is text.
MboxStep MboxReader::trusted_end() {
  if (*state_.content_length != 0) {
    const bool held = !line_.empty() || !blank_.empty();
    if (held) {
      const MboxStep rest = emit_held(line_);
      line_.clear();
      return rest;
    }
  }
  state_now_ = State::closing;
  return kNothing;
}

MboxStep MboxReader::closing(std::string_view& input) {
  while (!input.empty()) {
    line_ += input.front();
    input.remove_prefix(1);
    if (line_.ends_with('\n')) {
      if (is_blank_line(line_)) {
        line_.clear();
        return blank_.empty() ? kNothing : emit_held({});
      }
      if (std::optional<MboxSeparator> separator = separator_of(line_)) return begin_message(std::move(separator));
    }
    const bool may_separate = line_.size() < kFrom.size() ? kFrom.starts_with(line_) : line_.starts_with(kFrom);
    if (line_ == "\r" || (may_separate && !line_.ends_with('\n') && line_.size() <= kMboxSeparatorMax + 1)) continue;
    // Not what was promised: the file has changed since. All of it is text.
    trusted_ = false;
    return decided(Verdict::text);
  }
  return kNothing;
}

MboxStep MboxReader::at_end() {
  if (!in_message_) return {.kind = MboxStep::Kind::end, .octets = {}};
  if (!line_.empty()) {
    const MboxStep rest = emit_held(line_);
    line_.clear();
    return rest;
  }
  end_field();
  in_message_ = false;
  return {.kind = MboxStep::Kind::message_end, .octets = {}};
}

}  // namespace angarium::message
