#include "message/date.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>

#include "base/text.h"

namespace angarium::message {
namespace {

constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 12> kMonthsWhole{"January",   "February", "March",    "April",
                                                        "May",       "June",     "July",     "August",
                                                        "September", "October",  "November", "December"};
constexpr std::array<std::string_view, 7> kWeekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

std::chrono::sys_days days_of(const CivilDay& day) {
  return std::chrono::year(day.year) / std::chrono::month(static_cast<unsigned>(day.month)) /
         std::chrono::day(static_cast<unsigned>(day.day));
}

std::string_view weekday_of(const CivilDay& day) { return kWeekdays[std::chrono::weekday(days_of(day)).c_encoding()]; }

bool exists(const CivilDay& day) {
  return day.year >= 0 && day.year <= 9999 && day.month >= 1 && day.day >= 1 &&
         (std::chrono::year(day.year) / std::chrono::month(static_cast<unsigned>(day.month)) /
          std::chrono::day(static_cast<unsigned>(day.day)))
             .ok();
}

/// 1-12, or 0. Names of three letters are the grammar's.
int month_of(std::string_view name, Conformance& conformance) {
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (equals_ignore_case(name, kMonths[i])) return static_cast<int>(i) + 1;
    if (equals_ignore_case(name, kMonthsWhole[i]) || (i == 8 && equals_ignore_case(name, "Sept"))) {
      conformance = Conformance::malformed;
      return static_cast<int>(i) + 1;
    }
  }
  return 0;
}

struct ZoneName {
  std::string_view name;
  int minutes;
  Conformance conformance;
};
/// RFC 5322 §4.3, then what is seen besides and means one thing only.
constexpr std::array kZoneNames{
    ZoneName{"UT", 0, Conformance::obsolete},         ZoneName{"GMT", 0, Conformance::obsolete},
    ZoneName{"EST", -5 * 60, Conformance::obsolete},  ZoneName{"EDT", -4 * 60, Conformance::obsolete},
    ZoneName{"CST", -6 * 60, Conformance::obsolete},  ZoneName{"CDT", -5 * 60, Conformance::obsolete},
    ZoneName{"MST", -7 * 60, Conformance::obsolete},  ZoneName{"MDT", -6 * 60, Conformance::obsolete},
    ZoneName{"PST", -8 * 60, Conformance::obsolete},  ZoneName{"PDT", -7 * 60, Conformance::obsolete},
    ZoneName{"UTC", 0, Conformance::malformed},       ZoneName{"CET", 60, Conformance::malformed},
    ZoneName{"CEST", 2 * 60, Conformance::malformed}, ZoneName{"MEZ", 60, Conformance::malformed},
    ZoneName{"MESZ", 2 * 60, Conformance::malformed}, ZoneName{"MET", 60, Conformance::malformed},
    ZoneName{"EET", 2 * 60, Conformance::malformed},  ZoneName{"EEST", 3 * 60, Conformance::malformed},
    ZoneName{"WET", 0, Conformance::malformed},       ZoneName{"MSK", 3 * 60, Conformance::malformed},
    ZoneName{"JST", 9 * 60, Conformance::malformed},
};

/// A run of digits, a run of letters, or one other octet.
struct Token {
  enum class Kind { end, number, word, sign } kind = Kind::end;
  std::string_view text;
  bool blank_before = false;
};

/// Real dates have about twelve; what stands after so many is not read.
constexpr std::size_t kTokensMax = 32;

/// Cuts the value into tokens without its comments.
class Tokens {
 public:
  explicit Tokens(std::string_view value) {
    std::size_t at = 0;
    while (size_ < kTokensMax) {
      const std::size_t begin = skip_cfws(value, at);
      const bool comment = value.substr(at, begin - at).find('(') != std::string_view::npos;
      if (begin == value.size()) {
        // [CFWS] at the end is of the standard, as long as it closes.
        if (comment && value.find_last_of(')') == std::string_view::npos) conformance_ = Conformance::malformed;
        return;
      }
      if (comment) conformance_ = worse(conformance_, Conformance::obsolete);
      Token& token = tokens_[size_++];
      token.blank_before = begin > at;
      token.kind = kind_of(value[begin]);
      at = begin + 1;
      if (token.kind != Token::Kind::sign) {
        while (at < value.size() && kind_of(value[at]) == token.kind) ++at;
      }
      token.text = value.substr(begin, at - begin);
    }
    conformance_ = Conformance::malformed;
  }

  [[nodiscard]] const Token& peek(std::size_t ahead = 0) const {
    static constexpr Token kEnd{};
    return next_ + ahead < size_ ? tokens_[next_ + ahead] : kEnd;
  }
  void skip() { ++next_; }
  [[nodiscard]] bool is_number(std::size_t ahead = 0) const { return peek(ahead).kind == Token::Kind::number; }
  [[nodiscard]] bool is_word(std::size_t ahead = 0) const { return peek(ahead).kind == Token::Kind::word; }
  [[nodiscard]] bool is_sign(char c, std::size_t ahead = 0) const {
    return peek(ahead).kind == Token::Kind::sign && peek(ahead).text[0] == c;
  }
  bool take(char c) {
    if (!is_sign(c)) return false;
    skip();
    return true;
  }
  [[nodiscard]] bool at_end() const { return next_ >= size_; }
  [[nodiscard]] Conformance conformance() const { return conformance_; }

 private:
  static Token::Kind kind_of(char c) {
    if (is_digit(c)) return Token::Kind::number;
    return is_alpha(c) ? Token::Kind::word : Token::Kind::sign;
  }

  std::array<Token, kTokensMax> tokens_{};
  std::size_t size_ = 0;
  std::size_t next_ = 0;
  Conformance conformance_ = Conformance::standard;
};

class DateParser {
 public:
  explicit DateParser(std::string_view value) : in_(value) {}

  std::optional<DateTime> run() {
    grade(in_.conformance());
    weekday();
    if (in_.is_number() && in_.peek().text.size() == 4 && (in_.is_sign('-', 1) || in_.is_sign('/', 1))) {
      if (!iso_order()) return std::nullopt;
    } else if (in_.is_number()) {
      if (!day() || !month() || !year()) return std::nullopt;
    } else {
      // asctime: month, day, time, perhaps a zone, year; or month, day, year, time.
      grade(Conformance::malformed);
      if (!month() || !day()) return std::nullopt;
      in_.take(',');
      if (!in_.is_sign(':', 1) && !year()) return std::nullopt;
    }
    while (in_.take(',')) grade(Conformance::malformed);
    if (!time()) return std::nullopt;
    if (!have_year_) {
      const bool zone_first = in_.is_word();
      if (zone_first) zone();
      if (!year()) return std::nullopt;
      if (!zone_first || in_.is_sign('+') || in_.is_sign('-')) zone();
    } else {
      zone();
    }
    if (!in_.at_end()) grade(Conformance::malformed);
    if (!exists(date_.day)) return std::nullopt;
    // RFC 5322 §3.3: the weekday, if there, is that of the date.
    if (!weekday_.empty() && !equals_ignore_case(weekday_, weekday_of(date_.day))) grade(Conformance::malformed);
    if (date_.day.year < 1900) grade(Conformance::malformed);
    return date_;
  }

 private:
  void grade(Conformance conformance) { date_.conformance = worse(date_.conformance, conformance); }

  bool number(int& value, std::size_t digits_max) {
    if (!in_.is_number() || in_.peek().text.size() > digits_max) return false;
    value = static_cast<int>(*parse_number<std::uint32_t>(in_.peek().text));
    in_.skip();
    return true;
  }

  void weekday() {
    Conformance ignored{};
    while (in_.take(',')) grade(Conformance::malformed);
    if (!in_.is_word() || month_of(in_.peek().text, ignored) != 0) return;
    weekday_ = in_.peek().text;
    in_.skip();
    if (in_.take('.')) grade(Conformance::malformed);
    if (!in_.take(',')) grade(Conformance::malformed);
  }

  bool day() { return number(date_.day.day, 2); }

  bool month() {
    separator();
    if (in_.is_word()) {
      date_.day.month = month_of(in_.peek().text, date_.conformance);
      in_.skip();
    } else {
      grade(Conformance::malformed);
      if (!number(date_.day.month, 2)) return false;
    }
    if (in_.take('.')) grade(Conformance::malformed);
    return date_.day.month >= 1 && date_.day.month <= 12;
  }

  void separator() {
    if (in_.take('-') || in_.take('/') || in_.take('.')) grade(Conformance::malformed);
  }

  bool year() {
    separator();
    if (in_.take(',')) grade(Conformance::malformed);
    const std::size_t digits = in_.peek().text.size();
    int& year = date_.day.year;
    if (!number(year, 4) || digits < 2) return false;
    // RFC 5322 §4.3: 00-49 is 2000-2049; 50-99 and three digits are counted from 1900.
    if (digits == 2 && year < 50) year += 2000;
    if (digits < 4 && year < 2000) year += 1900;
    if (digits < 4) grade(Conformance::obsolete);
    have_year_ = true;
    return true;
  }

  bool iso_order() {
    grade(Conformance::malformed);
    if (!year() || !month()) return false;
    separator();
    if (!day()) return false;
    if (in_.is_word() && equals_ignore_case(in_.peek().text, "T")) in_.skip();
    return true;
  }

  bool time() {
    if (in_.peek().text.size() == 1) grade(Conformance::malformed);
    if (!number(date_.hour, 2) || !in_.take(':')) return false;
    if (!number(date_.minute, 2)) return false;
    if (in_.take(':') && !number(date_.second, 2)) return false;
    if (in_.is_sign('.') && in_.is_number(1)) {
      in_.skip();
      in_.skip();
      grade(Conformance::malformed);
    }
    half_of_day();
    return date_.hour <= 23 && date_.minute <= 59 && date_.second <= 60;
  }

  void half_of_day() {
    if (!in_.is_word()) return;
    const bool before = equals_ignore_case(in_.peek().text, "AM");
    if (!before && !equals_ignore_case(in_.peek().text, "PM")) return;
    in_.skip();
    grade(Conformance::malformed);
    if (date_.hour >= 1 && date_.hour <= 12) date_.hour = date_.hour % 12 + (before ? 0 : 12);
  }

  void zone() {
    if (in_.is_word()) {
      zone_name();
      // "GMT+0200" and "GMT -5" are offsets from there.
      if (date_.zone_minutes != 0 || !(in_.is_sign('+') || in_.is_sign('-'))) return;
      grade(Conformance::malformed);
    }
    if (!in_.is_sign('+') && !in_.is_sign('-')) {
      unknown_zone(Conformance::malformed);
      return;
    }
    zone_offset();
  }

  void zone_offset() {
    const bool west = in_.is_sign('-');
    in_.skip();
    const std::string_view digits = in_.peek().text;
    int hours = 0;
    int minutes = 0;
    if (!in_.is_number() || digits.size() > 4) {
      unknown_zone(Conformance::malformed);
      return;
    }
    const int value = static_cast<int>(*parse_number<std::uint32_t>(digits));
    in_.skip();
    if (digits.size() > 2) {
      hours = value / 100;
      minutes = value % 100;
    } else {
      hours = value;
      if (in_.take(':')) number(minutes, 2);
    }
    if (digits.size() != 4) grade(Conformance::malformed);
    // RFC 5322 §3.3: the last two digits are at most 59.
    if (minutes > 59) {
      unknown_zone(Conformance::malformed);
      return;
    }
    date_.zone_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
    date_.zone_unknown = west && date_.zone_minutes == 0;
  }

  void zone_name() {
    const std::string_view name = in_.peek().text;
    in_.skip();
    for (const ZoneName& zone : kZoneNames) {
      if (!equals_ignore_case(name, zone.name)) continue;
      date_.zone_minutes = zone.minutes;
      grade(zone.conformance);
      posix_rest();
      return;
    }
    // RFC 5322 §4.3: military zones were defined the wrong way round in RFC 822, so they say nothing, but for Z; J is
    // none.
    if (name.size() == 1 && to_upper(name[0]) == 'Z') {
      grade(Conformance::obsolete);
    } else {
      unknown_zone(name.size() == 1 && to_upper(name[0]) != 'J' ? Conformance::obsolete : Conformance::malformed);
    }
  }

  /// "EST5EDT": the number and the second name add nothing.
  void posix_rest() {
    if (!in_.is_number() || in_.peek().blank_before || in_.peek().text.size() > 2) return;
    in_.skip();
    if (in_.is_word() && !in_.peek().blank_before) in_.skip();
    grade(Conformance::malformed);
  }

  void unknown_zone(Conformance conformance) {
    date_.zone_unknown = true;
    date_.zone_minutes = 0;
    grade(conformance);
  }

  Tokens in_;
  DateTime date_;
  std::string_view weekday_;
  bool have_year_ = false;
};

/// Exactly `count` digits at `at`, or -1.
int fixed_number(std::string_view text, std::size_t at, std::size_t count) {
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (!is_digit(text[i])) return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

/// date-month "-" date-year after the day (RFC 9051 §9).
bool month_and_year(std::string_view text, std::size_t at, CivilDay& day) {
  if (text[at] != '-' || text[at + 4] != '-') return false;
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (equals_ignore_case(text.substr(at + 1, 3), kMonths[i])) day.month = static_cast<int>(i) + 1;
  }
  day.year = fixed_number(text, at + 5, 4);
  return exists(day);
}

}  // namespace

WallTime DateTime::instant() const {
  const std::int64_t days = days_of(day).time_since_epoch().count();
  const std::int64_t minutes = (days * 24 + hour) * 60 + minute - zone_minutes;
  return WallTime::from_seconds(minutes * 60 + second);
}

DateTime DateTime::at(WallTime instant, int zone_minutes) {
  using namespace std::chrono;
  // So that four digits always hold the year.
  constexpr std::int64_t kFirst = -62'167'219'200;
  constexpr std::int64_t kLast = 253'402'300'799;
  const std::int64_t local = std::min(std::max(instant.seconds() + zone_minutes * 60, kFirst), kLast);
  const sys_seconds moment{seconds(local)};
  const sys_days midnight = floor<days>(moment);
  const year_month_day date(midnight);
  const hh_mm_ss time(moment - midnight);
  DateTime result;
  result.day = {static_cast<int>(date.year()), static_cast<int>(static_cast<unsigned>(date.month())),
                static_cast<int>(static_cast<unsigned>(date.day()))};
  result.hour = static_cast<int>(time.hours().count());
  result.minute = static_cast<int>(time.minutes().count());
  result.second = static_cast<int>(time.seconds().count());
  result.zone_minutes = zone_minutes;
  return result;
}

std::optional<DateTime> parse_date(std::string_view value) { return DateParser(value).run(); }

std::string format_date(const DateTime& date) {
  const int zone = std::abs(date.zone_minutes);
  return fmt::format("{}, {} {} {:04} {:02}:{:02}:{:02} {}{:02}{:02}", weekday_of(date.day), date.day.day,
                     kMonths[static_cast<std::size_t>(date.day.month) - 1], date.day.year, date.hour, date.minute,
                     date.second, date.zone_minutes < 0 || date.zone_unknown ? '-' : '+', zone / 60, zone % 60);
}

std::optional<DateTime> parse_internal_date(std::string_view text) {
  if (text.size() != 26 || text[11] != ' ' || text[20] != ' ' || text[14] != ':' || text[17] != ':')
    return std::nullopt;
  DateTime date;
  date.day.month = 0;
  date.day.day = fixed_number(text, text[0] == ' ' ? 1 : 0, text[0] == ' ' ? 1 : 2);
  date.hour = fixed_number(text, 12, 2);
  date.minute = fixed_number(text, 15, 2);
  date.second = fixed_number(text, 18, 2);
  const int hours = fixed_number(text, 22, 2);
  const int minutes = fixed_number(text, 24, 2);
  if (!month_and_year(text, 2, date.day) || hours < 0 || minutes < 0 || minutes > 59) return std::nullopt;
  if (date.hour < 0 || date.hour > 23 || date.minute < 0 || date.minute > 59) return std::nullopt;
  if (date.second < 0 || date.second > 60 || (text[21] != '+' && text[21] != '-')) return std::nullopt;
  date.zone_minutes = (hours * 60 + minutes) * (text[21] == '-' ? -1 : 1);
  date.zone_unknown = text[21] == '-' && date.zone_minutes == 0;
  return date;
}

std::string format_internal_date(const DateTime& date) {
  const int zone = std::abs(date.zone_minutes);
  return fmt::format("{:2}-{}-{:04} {:02}:{:02}:{:02} {}{:02}{:02}", date.day.day,
                     kMonths[static_cast<std::size_t>(date.day.month) - 1], date.day.year, date.hour, date.minute,
                     date.second, date.zone_minutes < 0 || date.zone_unknown ? '-' : '+', zone / 60, zone % 60);
}

std::optional<CivilDay> parse_search_day(std::string_view text) {
  const std::size_t digits = text.find('-');
  if ((digits != 1 && digits != 2) || text.size() != digits + 9) return std::nullopt;
  CivilDay day;
  day.month = 0;
  day.day = fixed_number(text, 0, digits);
  if (!month_and_year(text, digits, day)) return std::nullopt;
  return day;
}

}  // namespace angarium::message
