#include "message/date.h"

#include <boost/json.hpp>

#include "message/vectors.h"
#include "support/test.h"

namespace angarium::message {
namespace {

std::string shown(std::string_view value) {
  const auto date = parse_date(value);
  if (!date) return "none";
  const char* const grades[] = {"standard", "obsolete", "malformed"};
  return format_date(*date) + " " + grades[static_cast<int>(date->conformance)];
}

TEST_CASE("RFC 5322 3.3: the dates of the standard are read and written back as they were") {
  for (const char* text :
       {"Tue, 1 Jul 2003 10:52:37 +0200", "Fri, 21 Nov 1997 09:55:06 -0600", "Thu, 13 Feb 1969 23:32:54 -0330",
        "Sat, 31 Dec 2016 23:59:60 +0000", "Thu, 29 Feb 2024 00:00:00 -0000", "Fri, 31 Dec 9999 23:59:59 +0000"}) {
    CHECK(shown(text) == std::string(text) + " standard");
  }
  CHECK(shown("1 Jul 2003 10:52 +0200") == "Tue, 1 Jul 2003 10:52:00 +0200 standard");
  CHECK(shown("Tue,\r\n 01 Jul 2003\r\n\t10:52:37 +0200 (CEST (summer))\r\n") ==
        "Tue, 1 Jul 2003 10:52:37 +0200 standard");
}

TEST_CASE("RFC 5322 3.3: day, hour, minute, second and zone must exist") {
  for (const char* text :
       {"30 Feb 2003 10:52:37 +0200", "0 Jul 2003 10:52:37 +0200", "32 Jul 2003 10:52:37 +0200",
        "29 Feb 2023 10:52:37 +0200", "1 Jul 2003 24:52:37 +0200", "1 Jul 2003 10:60:37 +0200",
        "1 Jul 2003 10:52:61 +0200", "1 Jul 10:52:37", "1 Jul 2003", "", "Tue,", "1",
        ":::", "1 Jul 20033 10:52:37 +0200", "111 Jul 2003 10:52:37 +0200", "1 Jux 2003 10:52:37 +0200",
        "1 13 2003 10:52:37 +0200", "1 0 2003 10:52:37 +0200", "1 Jul 2003 99999999999999:1 +0000"}) {
    CHECK_MESSAGE(shown(text) == "none", text);
  }
  CHECK(shown("1 Jul 2003 10:52:37 +0260") == "Tue, 1 Jul 2003 10:52:37 -0000 malformed");
  CHECK(shown("1 Jul 2003 10:52:37 +9959") == "Tue, 1 Jul 2003 10:52:37 +9959 standard");
}

TEST_CASE("RFC 5322 4.3: two-digit years below 50 are of this century, three digits count from 1900") {
  CHECK(shown("1 Jul 49 10:52:37 GMT") == "Thu, 1 Jul 2049 10:52:37 +0000 obsolete");
  CHECK(shown("1 Jul 50 10:52:37 GMT") == "Sat, 1 Jul 1950 10:52:37 +0000 obsolete");
  CHECK(shown("1 Jul 103 10:52:37 GMT") == "Tue, 1 Jul 2003 10:52:37 +0000 obsolete");
  CHECK(shown("1 Jul 999 10:52:37 GMT") == "Wed, 1 Jul 2899 10:52:37 +0000 obsolete");
  CHECK(shown("1 Jul 0049 10:52:37 GMT") == "Thu, 1 Jul 0049 10:52:37 +0000 malformed");
}

TEST_CASE("RFC 5322 4.3: zone names, and military letters that say nothing but Z") {
  CHECK(shown("1 Jul 2003 10:52:37 EDT") == "Tue, 1 Jul 2003 10:52:37 -0400 obsolete");
  CHECK(shown("1 Jul 2003 10:52:37 pst") == "Tue, 1 Jul 2003 10:52:37 -0800 obsolete");
  CHECK(shown("1 Jul 2003 10:52:37 UT") == "Tue, 1 Jul 2003 10:52:37 +0000 obsolete");
  CHECK(shown("1 Jul 2003 10:52:37 Z") == "Tue, 1 Jul 2003 10:52:37 +0000 obsolete");
  for (char letter = 'A'; letter < 'Z'; ++letter) {
    const std::string text = std::string("1 Jul 2003 10:52:37 ") + letter;
    CHECK(shown(text) == std::string("Tue, 1 Jul 2003 10:52:37 -0000 ") + (letter == 'J' ? "malformed" : "obsolete"));
  }
  CHECK(shown("1 Jul 2003 10:52:37 BLA") == "Tue, 1 Jul 2003 10:52:37 -0000 malformed");
  CHECK(shown("1 Jul 2003 10:52:37") == "Tue, 1 Jul 2003 10:52:37 -0000 malformed");
}

TEST_CASE("RFC 5322 4.3: comments and folds between any two tokens") {
  CHECK(shown("(a)Tue(b),(c)1(d)Jul(e)2003(f)10(g):(h)52(i):(j)37(k)+0200(l)") ==
        "Tue, 1 Jul 2003 10:52:37 +0200 obsolete");
  CHECK(shown("Tue, 1 Jul 2003 10 : 52 : 37 +0200") == "Tue, 1 Jul 2003 10:52:37 +0200 standard");
}

TEST_CASE("a weekday that is not the date's is not believed and marked") {
  CHECK(shown("Mon, 1 Jul 2003 10:52:37 +0200") == "Tue, 1 Jul 2003 10:52:37 +0200 malformed");
}

TEST_CASE("dates as real mail has them") {
  for (const char* text :
       {"Tue Jul  1 10:52:37 2003 +0200", "Tue, Jul 1, 2003 10:52:37 +0200", "2003-07-01 10:52:37 +0200",
        "2003-07-01T10:52:37.123+02:00", "01-Jul-2003 10:52:37 +0200", "Tuesday, 1 July 2003 10:52:37 +0200",
        "Tue, 1 Jul 2003 10:52:37 GMT+0200", "Tue, 1 Jul 2003 10:52:37 AM +0200", "Tue 1 Jul 2003 10:52:37 CEST",
        "Tue, 1 Jul 2003 10:52:37 +02:00", "Tue, 1 Jul 2003 10:52:37 +2", "Tue, 1 Jul 2003 10:52:37 +0200 junk",
        "1/7/2003 10:52:37 +0200", "Tue. , 1 Jul 2003 10:52:37 +0200 (unclosed"}) {
    CHECK_MESSAGE(shown(text) == "Tue, 1 Jul 2003 10:52:37 +0200 malformed", text);
  }
  CHECK(shown("Tue, 1 Jul 2003 12:52:37 am GMT") == "Tue, 1 Jul 2003 00:52:37 +0000 malformed");
  CHECK(shown("Tue, 1 Jul 2003 1:52:37 PM GMT") == "Tue, 1 Jul 2003 13:52:37 +0000 malformed");
  CHECK(shown("Fri Sep 14 14:36:56 EDT 2018") == "Fri, 14 Sep 2018 14:36:56 -0400 malformed");
  CHECK(shown("Fri Sep 14 14:36:56 EDT 2018 junk") == "Fri, 14 Sep 2018 14:36:56 -0400 malformed");
  CHECK(shown("Fri Sep 14 14:36:56 2018") == "Fri, 14 Sep 2018 14:36:56 -0000 malformed");
}

TEST_CASE("the instant counts the zone, the leap second and years before 1970") {
  CHECK(parse_date("1 Jan 1970 00:00:00 +0000")->instant().seconds() == 0);
  CHECK(parse_date("1 Jan 1970 02:00:00 +0200")->instant().seconds() == 0);
  CHECK(parse_date("31 Dec 1969 16:00:00 -0800")->instant().seconds() == 0);
  CHECK(parse_date("30 Jun 2015 23:59:60 +0000")->instant() == parse_date("1 Jul 2015 00:00:00 +0000")->instant());
  CHECK(parse_date("31 Dec 1899 23:59:59 +0000")->instant().seconds() == -2'208'988'801);
}

TEST_CASE("a moment can be told in any zone and comes back the same") {
  for (std::int64_t second : {0LL, 1'700'000'000LL, -1LL, -2'208'988'801LL, 253'402'300'799LL - 86'400}) {
    for (int zone : {0, 120, -210, 14 * 60}) {
      const DateTime date = DateTime::at(WallTime::from_seconds(second), zone);
      CHECK(date.instant().seconds() == second);
      CHECK(parse_date(format_date(date))->instant().seconds() == second);
      CHECK(parse_internal_date(format_internal_date(date))->instant().seconds() == second);
    }
  }
  CHECK(format_date(DateTime::at({INT64_MAX})).size() == 31);
  CHECK(format_date(DateTime::at({INT64_MIN})) == "Sat, 1 Jan 0000 00:00:00 +0000");
}

TEST_CASE("RFC 9051 9: date-time has a fixed form, strictly read") {
  CHECK(format_internal_date(*parse_date("1 Jul 2003 10:52:37 +0200")) == " 1-Jul-2003 10:52:37 +0200");
  CHECK(parse_internal_date(" 1-Jul-2003 10:52:37 +0200")->day == CivilDay{2003, 7, 1});
  CHECK(parse_internal_date("01-JUL-2003 10:52:37 -0000")->zone_unknown);
  for (std::string_view text :
       {"1-Jul-2003 10:52:37 +0200", " 1-Jul-2003 10:52:37 0200 ", "31-Jun-2003 10:52:37 +0200",
        " 1 Jul 2003 10:52:37 +0200", " 1-Jul-2003 10:52:37 +02:0", " 1-Jul-2003 24:52:37 +0200", "",
        " 1-Jul-2003T10:52:37 +0200", " 1-Jul-2003 10:52:37 +0260", "  -Jul-2003 10:52:37 +0200"}) {
    CHECK_MESSAGE(!parse_internal_date(text), text);
  }
}

TEST_CASE("RFC 9051 9: date-text of SEARCH has one or two digits and no more") {
  CHECK(*parse_search_day("1-Feb-1994") == CivilDay{1994, 2, 1});
  CHECK(*parse_search_day("01-feb-1994") == CivilDay{1994, 2, 1});
  for (const char* text :
       {"", "-", "1-Feb-94", "001-Feb-1994", "30-Feb-1994", "1-Fex-1994", "1-Feb-1994 ", "x-Feb-1994"}) {
    CHECK_MESSAGE(!parse_search_day(text), text);
  }
}

TEST_CASE("mail-parser's date vectors") {
  const boost::json::value vectors = boost::json::parse(test::read_vectors("mail-parser/date.json"));
  for (const auto& vector : vectors.as_array()) {
    const std::string value = test::field_value(vector.at("header").as_string());
    CAPTURE(value);
    const auto date = parse_date(value);
    // A whole Received value: its date is for received_test.
    if (value.starts_with("by ")) continue;
    // RFC 5322 §3.3: a time of day has colons, so this row of numbers is no date.
    if (value.starts_with(" 4 8 15 16 23 42")) {
      CHECK_FALSE(date);
      continue;
    }
    if (vector.at("expected").is_null()) {
      CHECK_FALSE(date);
      continue;
    }
    const auto expected = [&](const char* key) { return vector.at("expected").at(key).as_int64(); };
    REQUIRE(date);
    CHECK(date->day == CivilDay{static_cast<int>(expected("year")), static_cast<int>(expected("month")),
                                static_cast<int>(expected("day"))});
    CHECK(date->hour == expected("hour"));
    CHECK(date->minute == expected("minute"));
    CHECK(date->second == expected("second"));
    const auto zone = expected("tz_hour") * 60 + expected("tz_minute");
    CHECK(date->zone_minutes == (vector.at("expected").at("tz_before_gmt").as_bool() ? -zone : zone));
  }
}

TEST_CASE("a date cut at any octet gives a date or nothing, and a huge one is read in one pass") {
  const std::string_view text = "Tue, 1 Jul 2003 (c(d)) 10:52:37 +0200 (CEST)";
  for (std::size_t i = 0; i <= text.size(); ++i) {
    parse_date(text.substr(0, i));
    parse_date(text.substr(i));
  }
  CHECK_FALSE(parse_date(std::string(1'000'000, '(')));
  CHECK_FALSE(parse_date(std::string(1'000'000, ',')));
  CHECK_FALSE(parse_date(std::string(1'000'000, '1')));
}

}  // namespace
}  // namespace angarium::message
