#include "message/header.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "message/lexical.h"

namespace angarium::message {
namespace {

constexpr std::size_t kNone = std::string_view::npos;
/// A longer run of blanks is written as one, so that breaking at kLineMax never leaves a line of blanks alone.
constexpr std::size_t kBlanksMax = 400;

/// Index just past the line that begins at `at`: past its LF, or the end.
std::size_t line_end(std::string_view octets, std::size_t at) {
  const void* found = std::memchr(octets.data() + at, '\n', octets.size() - at);
  if (found == nullptr) return octets.size();
  return static_cast<std::size_t>(static_cast<const char*>(found) - octets.data()) + 1;
}

bool empty_line_at(std::string_view octets, std::size_t at) {
  if (octets[at] == '\n') return true;
  return octets[at] == '\r' && at + 1 < octets.size() && octets[at + 1] == '\n';
}

std::string_view without_line_end(std::string_view line) {
  if (line.ends_with('\n')) {
    line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
  }
  return line;
}

Field split(std::string_view whole) {
  const std::string_view line = without_line_end(whole);
  std::size_t name_size = 0;
  while (name_size < line.size() && is_of(line[name_size], kFtext)) ++name_size;
  std::size_t colon = name_size;
  while (colon < line.size() && is_wsp(line[colon])) ++colon;  // RFC 5322 §4.5: blanks before the colon
  if (name_size == 0 || colon == line.size() || line[colon] != ':') return {{}, line, whole};
  return {line.substr(0, name_size), line.substr(colon + 1), whole};
}

/// What the writer puts in the value's place: folds undone, nothing that could end a line.
std::string one_line(std::string_view value) {
  std::string line = unfold(value);
  for (char& c : line) {
    if (c == '\r' || c == '\n' || c == '\0') c = ' ';
  }
  line.erase(0, std::min(line.find_first_not_of(" \t"), line.size()));
  line.erase(line.find_last_not_of(" \t") + 1);
  return line;
}

/// Appends a run without a good place to fold, breaking it only where a line would pass kLineMax.
void append_run(std::string& out, std::string_view run, std::size_t& column) {
  while (column + run.size() > kLineMax) {
    std::size_t room = kLineMax - column;
    // Never inside a UTF-8 sequence; its octets that continue are 10xxxxxx.
    while (room > 0 && (static_cast<unsigned char>(run[room]) & 0xC0) == 0x80) --room;
    if (room == 0) room = kLineMax - column;  // no character is that long: not UTF-8
    out.append(run.substr(0, room)).append("\r\n ");
    run.remove_prefix(room);
    column = 1;
  }
  out.append(run);
  column += run.size();
}

}  // namespace

bool Field::is(std::string_view other) const { return equals_ignore_case(name, other); }

std::optional<Field> HeaderReader::next() {
  if (position_ >= octets_.size() || empty_line_at(octets_, position_)) return std::nullopt;
  const std::size_t begin = position_;
  position_ = line_end(octets_, begin);
  while (position_ < octets_.size() && is_wsp(octets_[position_])) position_ = line_end(octets_, position_);
  return split(octets_.substr(begin, position_ - begin));
}

std::optional<Field> Header::find(std::string_view name) const {
  for (const Field& field : *this) {
    if (field.is(name)) return field;
  }
  return std::nullopt;
}

std::optional<Field> Header::find_last(std::string_view name) const {
  std::optional<Field> last;
  for (const Field& field : *this) {
    if (field.is(name)) last = field;
  }
  return last;
}

std::size_t Header::count(std::string_view name) const {
  std::size_t found = 0;
  for (const Field& field : *this) found += field.is(name) ? 1 : 0;
  return found;
}

HeaderExtent header_extent(std::string_view message) {
  std::size_t at = 0;
  while (at < message.size()) {
    if (empty_line_at(message, at)) return {at, line_end(message, at)};
    at = line_end(message, at);
  }
  return {message.size(), message.size()};
}

bool valid_field_name(std::string_view name) { return name.size() <= kFieldNameMax && all_of(name, kFtext); }

std::string unfold(std::string_view value) {
  std::string result;
  result.reserve(value.size());
  while (true) {
    const std::size_t lf = value.find('\n');
    if (lf == kNone) break;
    const bool fold = lf + 1 < value.size() && is_wsp(value[lf + 1]);
    std::string_view line = value.substr(0, lf + 1);
    result.append(fold ? without_line_end(line) : line);
    value.remove_prefix(lf + 1);
  }
  return result.append(value);
}

std::string_view unfolded(std::string_view value, std::string& scratch) {
  if (value.find('\n') == kNone) return trim(value);
  scratch = unfold(value);
  return trim(scratch);
}

Result<> append_field(std::string& out, std::string_view name, std::string_view value) {
  if (!valid_field_name(name)) return fail(kBadFieldName, "not a field name: " + escape_controls(name, 80));
  const std::string line = one_line(value);
  out.append(name).append(":");
  std::size_t column = name.size() + 1;
  bool first = true;
  for (std::string_view rest = line; !rest.empty();) {
    // A piece is the blanks before a word and the word; the line may be ended before it.
    const std::size_t word = rest.find_first_not_of(" \t");
    const std::size_t end = std::min(rest.find_first_of(" \t", word), rest.size());
    std::string_view piece = rest.substr(0, end);
    rest.remove_prefix(end);
    if (word > kBlanksMax) piece.remove_prefix(word - 1);
    const bool fits_later = piece.size() < kLineGood;
    if (column + piece.size() + (first ? 1 : 0) > kLineGood && (!first || fits_later)) {
      out += "\r\n";
      column = 0;
    }
    if (first) {
      out += ' ';
      ++column;
      first = false;
    }
    append_run(out, piece, column);
  }
  out += "\r\n";
  return {};
}

}  // namespace angarium::message
