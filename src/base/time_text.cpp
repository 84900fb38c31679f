#include "base/time_text.h"

#include <time.h>

#include <array>

namespace angarium {
namespace {

/// Takes `digits` of them from the front; nothing where others stand there.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = 10 * value + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// ".120" as microseconds; nothing where no digit is, or another character.
std::optional<std::int64_t> take_fraction(std::string_view& text) {
  std::int64_t value = 0;
  std::int64_t unit = 100'000;
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    value += unit * (text.front() - '0');
    unit /= 10;
    text.remove_prefix(1);
  }
  return value;
}

/// What mktime() and timegm() put right was no day or time of day.
bool same(const tm& a, const tm& b) {
  return a.tm_year == b.tm_year && a.tm_mon == b.tm_mon && a.tm_mday == b.tm_mday && a.tm_min == b.tm_min &&
         a.tm_sec == b.tm_sec;
}

/// "14:03", "14:03:05", "14:03:05.120". False: it is none.
bool take_time_of_day(std::string_view& text, tm& parts, std::int64_t& fraction) {
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ":")) return false;
  const auto minute = take_digits(text, 2);
  if (!minute || *hour > 23 || *minute > 59) return false;
  parts.tm_hour = *hour;
  parts.tm_min = *minute;
  if (!take(text, ":")) return true;
  const auto second = take_digits(text, 2);
  if (!second || *second > 59) return false;
  parts.tm_sec = *second;
  if (!take(text, ".")) return true;
  const auto found = take_fraction(text);
  fraction = found.value_or(0);
  return found.has_value();
}

}  // namespace

std::string to_local_text(WallTime time) {
  const time_t seconds = time.seconds();
  tm parts{};
  localtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  const std::size_t length = strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  std::string fraction = std::to_string(1000 + (time.microseconds - time.seconds() * 1'000'000) / 1000);
  fraction[0] = '.';
  return std::string(text.data(), length) + fraction;
}

std::optional<WallTime> parse_time(std::string_view text) {
  tm parts{};
  const auto year = take_digits(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  parts.tm_year = *year - 1900;
  parts.tm_mon = *month - 1;
  parts.tm_mday = *day;
  std::int64_t fraction = 0;
  bool universal = false;
  if (take(text, " Tt")) {
    if (!take_time_of_day(text, parts, fraction)) return std::nullopt;
    universal = take(text, "Zz");
  }
  if (!text.empty()) return std::nullopt;
  // Whether summer time was in force is found out.
  parts.tm_isdst = universal ? 0 : -1;
  tm made = parts;
  const time_t seconds = universal ? timegm(&made) : mktime(&made);
  if (!same(parts, made)) return std::nullopt;
  return WallTime{static_cast<std::int64_t>(seconds) * 1'000'000 + fraction};
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  // "2026-11-21T12:00:00": what stands behind it is a fraction and the zone.
  constexpr std::size_t kSeconds = 19;
  if (text.size() <= kSeconds || (text[10] != 'T' && text[10] != 't')) return std::nullopt;
  int minutes = 0;
  std::size_t zone = text.size() - 1;
  if (text.back() != 'Z' && text.back() != 'z') {
    zone = text.size() - 6;
    auto offset = text.substr(zone);
    const int sign = offset.front() == '-' ? -1 : 1;
    if (zone < kSeconds || !take(offset, "+-")) return std::nullopt;
    const auto hour = take_digits(offset, 2);
    if (!hour || *hour > 23 || !take(offset, ":")) return std::nullopt;
    const auto minute = take_digits(offset, 2);
    if (!minute || *minute > 59 || !offset.empty()) return std::nullopt;
    minutes = sign * (60 * *hour + *minute);
  }
  std::string universal(text.substr(0, zone));
  universal[10] = 'T';
  if (universal.find_first_not_of("0123456789-T:.") != std::string::npos) return std::nullopt;
  auto time = parse_time(universal + "Z");
  if (time) time->microseconds -= std::int64_t{minutes} * 60 * 1'000'000;
  return time;
}

}  // namespace angarium
