#include "message/mbox_separator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"

namespace angarium::message {
namespace {

constexpr std::array<std::string_view, 7> kWeekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::size_t kSenderMax = 900;
/// Words of a date with its zones and "remote from host".
constexpr std::size_t kDateWordsMax = 10;

template <std::size_t kSize>
bool one_of(const std::array<std::string_view, kSize>& names, std::string_view word) {
  return std::ranges::any_of(names, [&](std::string_view name) { return equals_ignore_case(name, word); });
}

bool all_digits(std::string_view word) { return !word.empty() && std::ranges::all_of(word, is_digit); }
bool is_year(std::string_view word) { return all_digits(word) && (word.size() == 4 || word.size() == 2); }
bool is_day(std::string_view word) { return all_digits(word) && word.size() <= 2; }
bool is_offset(std::string_view word) {
  return word.size() == 5 && (word[0] == '+' || word[0] == '-') && all_digits(word.substr(1));
}
bool is_zone_name(std::string_view word) {
  return !word.empty() && word.size() <= 5 && std::ranges::all_of(word, is_alpha);
}

/// "5:53", "05:53", "05:53:22".
bool is_time(std::string_view word) {
  std::size_t parts = 0;
  while (!word.empty()) {
    const std::string_view part = take_until(word, ':');
    if (!all_digits(part) || part.size() > 2) return false;
    ++parts;
  }
  return parts == 2 || parts == 3;
}

/// Words of the line's end, cut at blanks, with where they begin.
struct Word {
  std::string_view text;
  std::size_t at;
};

std::vector<Word> last_words(std::string_view text) {
  std::vector<Word> words;
  std::size_t end = text.size();
  while (words.size() < kDateWordsMax) {
    while (end > 0 && is_wsp(text[end - 1])) --end;
    if (end == 0) break;
    std::size_t begin = end;
    while (begin > 0 && !is_wsp(text[begin - 1])) --begin;
    words.push_back({.text = text.substr(begin, end - begin), .at = begin});
    end = begin;
  }
  std::ranges::reverse(words);
  return words;
}

/// What follows the time: [zone [dst]] year [zone [dst]] ["remote" "from" host].
std::optional<DateTime> asctime_date(const std::vector<Word>& words, std::size_t at) {
  const std::size_t left = words.size() - at;
  if (left < 5 || !one_of(kMonths, words[at + 1].text) || !is_day(words[at + 2].text) || !is_time(words[at + 3].text))
    return std::nullopt;
  std::size_t end = words.size();
  if (left >= 8 && words[end - 3].text == "remote" && words[end - 2].text == "from") end -= 3;
  std::string_view year;
  std::string_view zone;
  std::size_t zone_words = 0;
  for (std::size_t i = at + 4; i < end; ++i) {
    const std::string_view word = words[i].text;
    if (year.empty() && is_year(word)) {
      year = word;
    } else if (zone_words < 2 && (is_offset(word) || is_zone_name(word))) {
      // The offset of "PST -0800" says more than the name; the second name of "MET DST" says nothing that is sure.
      if (zone.empty() || is_offset(word)) zone = word;
      ++zone_words;
    } else {
      return std::nullopt;
    }
  }
  if (year.empty()) return std::nullopt;
  return parse_date(
      fmt::format("{} {} {} {} {}", words[at + 2].text, words[at + 1].text, year, words[at + 3].text, zone));
}

}  // namespace

std::optional<MboxSeparator> parse_mbox_separator(std::string_view line) {
  if (!line.starts_with("From ") || line.size() > kMboxSeparatorMax) return std::nullopt;
  line.remove_prefix(5);
  const std::string_view rest = trim(line);
  if (rest.empty() || rest == "-") return MboxSeparator{.sender = std::string(rest), .date = std::nullopt};
  const std::vector<Word> words = last_words(rest);
  for (std::size_t i = words.size(); i-- > 0;) {
    const std::string_view word = words[i].text;
    std::optional<DateTime> date;
    if (one_of(kWeekdays, word)) {
      date = asctime_date(words, i);
    } else if (word.ends_with(',') && one_of(kWeekdays, word.substr(0, word.size() - 1))) {
      date = parse_date(rest.substr(words[i].at));
      if (date && date->conformance == Conformance::malformed) date.reset();
    }
    if (date) return MboxSeparator{.sender = std::string(trim(rest.substr(0, words[i].at))), .date = date};
  }
  return std::nullopt;
}

std::optional<MboxSeparator> mbox_separator_of(std::string_view line, MboxSeparators which) {
  constexpr std::string_view kFrom = "From ";
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!line.starts_with(kFrom) || line.size() > kMboxSeparatorMax) return std::nullopt;
  std::optional<MboxSeparator> separator = parse_mbox_separator(line);
  if (!separator && which == MboxSeparators::any)
    separator = MboxSeparator{.sender = std::string(trim(line.substr(kFrom.size()))), .date = std::nullopt};
  return separator;
}

std::string format_mbox_separator(std::string_view sender, const DateTime& date) {
  std::string safe(sender.empty() ? "MAILER-DAEMON" : sender.substr(0, kSenderMax));
  std::ranges::replace_if(safe, [](char c) { return c == ' ' || is_control(c); }, '-');
  const DateTime utc = DateTime::at(date.instant());
  const std::int64_t days =
      date.instant().seconds() >= 0 ? date.instant().seconds() / 86'400 : (date.instant().seconds() - 86'399) / 86'400;
  const auto weekday = static_cast<std::size_t>(((days + 4) % 7 + 7) % 7);  // 1970-01-01 was a Thursday
  return fmt::format("From {} {} {} {:2} {:02}:{:02}:{:02} {:04}\n", safe, kWeekdays[weekday],
                     kMonths[static_cast<std::size_t>(utc.day.month - 1)], utc.day.day, utc.hour, utc.minute,
                     utc.second, utc.day.year);
}

}  // namespace angarium::message
