#include "store/log_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "base/crc32c.h"
#include "base/text.h"

namespace angarium::store {
namespace {

constexpr std::array<std::pair<SegmentKind, std::string_view>, 4> kKinds{{{SegmentKind::log, "log"},
                                                                          {SegmentKind::bodies, "bodies"},
                                                                          {SegmentKind::image, "image"},
                                                                          {SegmentKind::cold, "cold"}}};
constexpr std::array<std::pair<Phase, std::string_view>, 4> kPhases{
    {{Phase::open, "open"}, {Phase::sealed, "sealed"}, {Phase::filling, "filling"}, {Phase::retired, "retired"}}};

template <class T, std::size_t N>
std::string_view name_of(const std::array<std::pair<T, std::string_view>, N>& names, T value) {
  for (const auto& [known, name] : names)
    if (known == value) return name;
  return "?";
}

template <class T, std::size_t N>
bool value_of(const std::array<std::pair<T, std::string_view>, N>& names, std::string_view name, T& value) {
  for (const auto& [known, text] : names)
    if (text == name) {
      value = known;
      return true;
    }
  return false;
}

/// Times are signed: a clock may stand before 1970.
template <class T>
bool number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) words.push_back(take_until(line, ' '));
  return words;
}

bool decode_segment(const std::vector<std::string_view>& words, Segment& segment) {
  if (words.size() < 13 || words.size() > 15) return false;
  if (words.size() > 13 && !number(words[13], segment.reserved)) return false;
  if (words.size() > 14 && (words[2] != "cold" || !number(words[14], segment.unpacked))) return false;
  return number(words[1], segment.number) && value_of(kKinds, words[2], segment.kind) &&
         value_of(kPhases, words[3], segment.phase) && number(words[4], segment.salt) &&
         number(words[5], segment.first) && number(words[6], segment.last) && number(words[7], segment.before) &&
         number(words[8], segment.chain) && number(words[9], segment.size) && number(words[10], segment.bodies) &&
         number(words[11], segment.created) && number(words[12], segment.since);
}

constexpr std::string_view kFirstLine = "angarium-store 1";
/// A store that has or had a cold segment, which a program that knows version 1 alone must not open.
constexpr std::string_view kFirstLineCold = "angarium-store 2";

}  // namespace

bool Table::knows_cold() const {
  return had_cold ||
         std::ranges::any_of(segments, [](const auto& entry) { return entry.second.kind == SegmentKind::cold; });
}

std::string Table::encode() const {
  std::string text = fmt::format("{}\ntablet {} {}\n", knows_cold() ? kFirstLineCold : kFirstLine, tablet, next);
  for (const auto& [number, s] : segments) {
    text += fmt::format("segment {} {} {} {} {} {} {} {} {} {} {} {} {}", number, name_of(kKinds, s.kind),
                        name_of(kPhases, s.phase), s.salt, s.first, s.last, s.before, s.chain, s.size, s.bodies,
                        s.created, s.since, s.reserved);
    text += s.kind == SegmentKind::cold ? fmt::format(" {}\n", s.unpacked) : "\n";
  }
  return text + fmt::format("crc {:08x}\n", crc32c(text));
}

Result<Table> Table::decode(std::string_view text) {
  constexpr std::size_t kLastLine = 13;  // "crc " and eight digits and a line feed
  if (text.size() < kLastLine) return fail(kDamaged, "the table is cut short");
  std::string_view body = text.substr(0, text.size() - kLastLine);
  if (text.substr(body.size()) != fmt::format("crc {:08x}\n", crc32c(body)))
    return fail(kDamaged, "the table's checksum is wrong");
  // After the checksum, which every version has: a damaged version is no other format.
  const std::string_view first = body.substr(0, body.find('\n'));
  if (first != kFirstLine && first != kFirstLineCold)
    return fail(kFormat, "the store is of another format: " + escape_controls(first, 64));
  Table table;
  table.had_cold = first == kFirstLineCold;
  bool seen_tablet = false;
  take_until(body, '\n');
  while (!body.empty()) {
    std::vector<std::string_view> words = words_of(take_until(body, '\n'));
    Segment segment;
    if (words.size() == 3 && words[0] == "tablet" && number(words[1], table.tablet) && number(words[2], table.next)) {
      seen_tablet = true;
    } else if (!words.empty() && words[0] == "segment" && decode_segment(words, segment)) {
      table.segments[segment.number] = segment;
    } else {
      return fail(kDamaged, "the table has a line that makes no sense");
    }
  }
  if (!seen_tablet) return fail(kDamaged, "the table names no tablet");
  return table;
}

}  // namespace angarium::store
