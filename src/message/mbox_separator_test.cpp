#include "message/mbox_separator.h"

#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {

/// "sender|date", or "none".
std::string read(std::string_view line) {
  const auto separator = parse_mbox_separator(line);
  if (!separator) return "none";
  return separator->sender + "|" + (separator->date ? format_date(*separator->date) : "");
}

}  // namespace

TEST_CASE("RFC 4155: sender, a space and asctime in universal time") {
  CHECK(read("From a@example.org Thu Mar  5 07:08:09 2026") == "a@example.org|Thu, 5 Mar 2026 07:08:09 -0000");
  CHECK(parse_mbox_separator("From a@example.org Thu Mar  5 07:08:09 2026")->date->zone_unknown);
}

TEST_CASE("the forms that mailers write besides") {
  CHECK(read("From anna Wed Dec  2 05:53 1992") == "anna|Wed, 2 Dec 1992 05:53:00 -0000");
  CHECK(read("From anna Wed Dec  2 05:53 PST 1992") == "anna|Wed, 2 Dec 1992 05:53:00 -0800");
  CHECK(read("From anna Wed Dec  2 05:53:22 PST 1992") == "anna|Wed, 2 Dec 1992 05:53:22 -0800");
  CHECK(read("From anna Wed Dec  2 05:53:22 1992 PST") == "anna|Wed, 2 Dec 1992 05:53:22 -0800");
  CHECK(read("From anna Wed Dec  2 05:53 1992 -0700") == "anna|Wed, 2 Dec 1992 05:53:00 -0700");
  CHECK(read("From anna Wed Dec  2 05:53:22 +0000 1992") == "anna|Wed, 2 Dec 1992 05:53:22 +0000");
  CHECK(read("From anna Wed Dec  2 05:53:22 PST -0800 1992") == "anna|Wed, 2 Dec 1992 05:53:22 -0800");
  CHECK(read("From anna Wed Dec  2 05:53:22 MET DST 1992") == "anna|Wed, 2 Dec 1992 05:53:22 +0100");
  CHECK(read("From anna Wed Dec 02 5:53 92") == "anna|Wed, 2 Dec 1992 05:53:00 -0000");
  CHECK(read("From anna Wed Dec  2 05:53 1992 remote from host") == "anna|Wed, 2 Dec 1992 05:53:00 -0000");
  CHECK(read("From anna Wed Dec  2 05:53:22 PST 1992 remote from h") == "anna|Wed, 2 Dec 1992 05:53:22 -0800");
  CHECK(read("From a@b.example Wed, 2 Dec 1992 05:53:22 +0100") == "a@b.example|Wed, 2 Dec 1992 05:53:22 +0100");
  CHECK(read("From anna  Wed Dec  2 05:53:22 1992  ") == "anna|Wed, 2 Dec 1992 05:53:22 -0000");
  CHECK(read("From - Wed Dec 02 05:53:22 1992") == "-|Wed, 2 Dec 1992 05:53:22 -0000");
  CHECK(read("From ") == "|");
  CHECK(read("From -") == "-|");
}

TEST_CASE("a sender may hold blanks, weekdays and nothing at all") {
  CHECK(read("From \"anna b\"@example.org Wed Dec  2 05:53:22 1992") ==
        "\"anna b\"@example.org|Wed, 2 Dec 1992 05:53:22 -0000");
  CHECK(read("From Sun Wed Dec  2 05:53:22 1992") == "Sun|Wed, 2 Dec 1992 05:53:22 -0000");
  CHECK(read("From Wed Dec  2 05:53:22 1992") == "|Wed, 2 Dec 1992 05:53:22 -0000");
}

TEST_CASE("text is no separator") {
  CHECK(read("From me to you") == "none");
  CHECK(read("From anna on Wed Dec 2 we go") == "none");
  CHECK(read("From anna Wed Dec  2 05:53:22") == "none");
  CHECK(read("From anna Wed Dec  2 1992") == "none");
  CHECK(read("From anna Wed Dec 32 05:53:22 1992") == "none");
  CHECK(read("From anna Wed Dec  2 25:53:22 1992") == "none");
  CHECK(read("From anna Wed Dec  2 05:53:22 1992 and so on") == "none");
  CHECK(read("From anna Wed Dec  2 05:53:22 1992.") == "none");
  CHECK(read("From anna Dec  2 05:53:22 1992") == "none");
  CHECK(read("From: anna Wed Dec  2 05:53:22 1992") == "none");
  CHECK(read("from anna Wed Dec  2 05:53:22 1992") == "none");
  CHECK(read(">From anna Wed Dec  2 05:53:22 1992") == "none");
  CHECK(read("From") == "none");
  CHECK(read("") == "none");
}

TEST_CASE(
    "a line of a file is a separator with any line end or none, and up to its limit; any that begins so, where asked") {
  const std::string line = "From a@example.org Thu Nov 22 13:02:41 2007";
  for (const char* const end : {"", "\n", "\r\n"}) {
    CHECK(mbox_separator_of(line + end)->sender == "a@example.org");
    CHECK_FALSE(mbox_separator_of(std::string("From now on") + end));
    CHECK(mbox_separator_of(std::string("From now on") + end, MboxSeparators::any)->sender == "now on");
  }
  CHECK_FALSE(mbox_separator_of(">" + line, MboxSeparators::any));
  CHECK_FALSE(mbox_separator_of("", MboxSeparators::any));
  const std::string padding(kMboxSeparatorMax - line.size(), 'x');
  std::string longest = line;
  longest.insert(5, padding);
  CHECK(mbox_separator_of(longest + "\r\n"));
  longest.insert(5, "x");
  CHECK_FALSE(mbox_separator_of(longest + "\r\n"));
  CHECK_FALSE(mbox_separator_of(longest, MboxSeparators::any));
}

TEST_CASE("what is written is read") {
  for (const std::int64_t seconds : {std::int64_t{0}, std::int64_t{1'772'694'489}, std::int64_t{951'782'399}}) {
    const DateTime date = DateTime::at(WallTime::from_seconds(seconds), 120);
    std::string line = format_mbox_separator("anna@example.org", date);
    REQUIRE(line.ends_with('\n'));
    line.pop_back();
    const auto back = parse_mbox_separator(line);
    REQUIRE(back);
    CHECK(back->sender == "anna@example.org");
    CHECK(back->date->instant() == date.instant());
  }
}
