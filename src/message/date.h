// Dates of mail: date-time of RFC 5322 §3.3 with the obsolete forms of §4.3, and the date forms of IMAP (RFC 9051 §9).
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "message/lexical.h"

namespace angarium::message {

/// A day of the Gregorian calendar, years 0-9999.
struct CivilDay {
  int year = 1970;
  int month = 1;  ///< 1-12
  int day = 1;    ///< 1-31
  friend constexpr auto operator<=>(const CivilDay&, const CivilDay&) = default;
};

/// A moment as its writer put it: local day and time, and the zone it was local to.
struct DateTime {
  CivilDay day;
  int hour = 0;          ///< 0-23
  int minute = 0;        ///< 0-59
  int second = 0;        ///< 0-60; 60 is a leap second (RFC 5322 §3.3)
  int zone_minutes = 0;  ///< east of Greenwich
  /// The writer did not say where it was: zone "-0000", a military or unknown zone name, or none (RFC 5322 §3.3, §4.3).
  bool zone_unknown = false;
  /// How well the text it was read from kept to the grammar.
  Conformance conformance = Conformance::standard;

  /// The moment in universal time. A leap second is the first second of the next minute.
  [[nodiscard]] WallTime instant() const;
  /// The same moment told in the given zone.
  static DateTime at(WallTime instant, int zone_minutes = 0);
};

/// Reads the value of a Date field, or what stands after the last ';' of Received. Comments and folds anywhere, weekday
/// not needed and not believed, two- and three-digit years, zone names, missing zone; also the forms seen in real mail:
/// asctime order, ISO 8601, dashes, full month names, numeric months, fractions of a second. Nothing when there is
/// no day, month, year and time in it, or one that does not exist. `conformance` tells which it was: strict callers
/// refuse `malformed`.
std::optional<DateTime> parse_date(std::string_view value);

/// "Tue, 1 Jul 2003 10:52:37 +0200" (RFC 5322 §3.3). Zones are written as "+hhmm", an unknown one as "-0000".
std::string format_date(const DateTime& date);

/// IMAP date-time without its quotes (RFC 9051 §9): " 1-Jul-2003 10:52:37 +0200", day of two digits or a blank and one.
/// Strict; nothing else is accepted.
std::optional<DateTime> parse_internal_date(std::string_view text);
/// The same, written; always 26 octets.
std::string format_internal_date(const DateTime& date);

/// IMAP date-text of SEARCH (RFC 9051 §9): "1-Feb-1994", without quotes.
std::optional<CivilDay> parse_search_day(std::string_view text);

}  // namespace angarium::message
