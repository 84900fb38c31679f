#include "protocol/imap/sorter.h"

#include <algorithm>
#include <random>

#include "io/memory.h"
#include "protocol/imap/envelope.h"
#include "protocol/imap/sliced_sort.h"
#include "support/run.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::protocol::imap;

TEST_CASE("RFC 5256 2.2: the sent date is in universal time; without one it is the INTERNALDATE") {
  const InternalDate internal{.seconds = 5};
  CHECK(sent_seconds("31 Dec 2000 16:01:33 -0800", internal) == sent_seconds("1 Jan 2001 00:01:33 +0000", internal));
  CHECK(sent_seconds("1 Jan 2001 00:01:33 +0000", internal) == 978'307'293);
  for (const char* day : {"1 Jan 2001", "Mon, 1 Jan 2001", "1 Jan 2001 25:61:00", "1 Jan 2001 99:00 +0100"})
    CHECK_MESSAGE(sent_seconds(day, internal) == 978'307'200, day);
  CHECK(sent_seconds("1 Jan 2001 00:00:00 nowhere", internal) == 978'307'200);
  for (const char* none : {"", "yesterday", "32 Jan 2001 00:00:00 +0000", "31 Feb 2001"})
    CHECK_MESSAGE(sent_seconds(none, internal) == 5, none);
}

TEST_CASE("RFC 5957 3: an address is shown by its name, else by mailbox@host, else by its mailbox") {
  CHECK(display_value({.name = "=?utf-8?Q?J=C3=B6rg?=", .mailbox = "j", .host = "x"}) == "J\xC3\xB6rg");
  CHECK(display_value({.name = "", .mailbox = "j", .host = "x"}) == "j@x");
  CHECK(display_value({.name = "=?utf-8?Q?"
                               "?=",
                       .mailbox = "j",
                       .host = "x"}) == "j@x");
  CHECK(display_value({.name = {}, .mailbox = "j", .host = "x"}) == "j@x");
  CHECK(display_value({.name = {}, .mailbox = "group", .host = {}}) == "group");
  CHECK(display_value({}).empty());
}

TEST_CASE("an ENVELOPE is read as far as it is one") {
  const auto envelope = read_envelope(
      "(\"date\" {4}\r\na\"\r\n ((\"A \\\"B\\\\\" NIL \"a\" \"x\")(NIL NIL \"b\" \"x\")) ((NIL NIL \"s(\" \"x\")) NIL "
      "((NIL NIL \"group\" NIL)(NIL NIL \"m\" \"x\")(NIL NIL NIL NIL)) NIL NIL \"<r@x>\" \"<i@x>\")");
  CHECK(envelope.date == "date");
  CHECK(envelope.subject == "a\"\r\n");
  CHECK(envelope.from.name == "A \"B\\");
  CHECK(envelope.from.mailbox == "a");
  CHECK(envelope.to.mailbox == "group");
  CHECK(!envelope.to.host);
  CHECK(!envelope.cc.mailbox);
  CHECK(envelope.message_id == "<i@x>");
  for (const char* broken :
       {"", "(", "(\"", "(\"a\\", "({9}\r\nx", "({x}", "(NIL NIL ((", "(NIL NIL (NIL", "x", "(\"a\" ("})
    CHECK(read_envelope(broken).message_id.empty());
}

TEST_CASE("RFC 5255 4.6: texts compare by i;unicode-casemap; what cannot be decoded comes after all others") {
  const auto before = [](std::string_view a, std::string_view b) { return collation_key(a) < collation_key(b); };
  CHECK(collation_key("Hello") == collation_key("hELLO"));
  CHECK(collation_key("\xC3\x84rger") == collation_key("\xC3\xA4RGER"));
  CHECK(collation_key("A\xCC\x88") == collation_key("\xC3\xA4"));
  // The example of the RFC: (4) (2) (3) (1).
  const std::string_view one = "\xD0\xC0\xD0\xBD\xD0\xB4\xD1\x80\xD0\xB5\xD0\xB9";
  const std::string_view two = "\xD1\x81\xD0\x95\xD0\xA0\xD0\x93\xD0\x95\xD0\x99";
  const std::string_view three = "\xD0\x92\xD0\xB0\xD1\x81\xD0\xB8\xD0\xBB\xD0\xB8\xFF\xB9";
  const std::string_view four = "\xD0\x90\xD0\xBB\xD0\xB5\xD0\xBA\xD1\x81\xD0\xB5\xD0\xB9";
  CHECK(before(four, two));
  CHECK(before(two, three));
  CHECK(before(three, one));
  CHECK(before("\xF4\x8F\xBF\xBF", "\xEF\xBF\xBD"));
  CHECK(before("", "a"));
  CHECK(collation_key(std::string_view("a\0b", 3)) == collation_key("ab"));
}

TEST_CASE("texts are compared to their limit and cut between characters") {
  const std::string limit(kSortTextMax, 'a');
  CHECK(collation_key(limit + "b") == collation_key(limit));
  CHECK(collation_key(limit.substr(1) + "b") != collation_key(limit));
  // A character across the limit is left out whole.
  CHECK(collation_key(limit.substr(1) + "\xC3\xA4") == collation_key(limit.substr(1)));
}

TEST_CASE("what is kept for SORT and THREAD has a limit") {
  OctetKeeper keeper;
  REQUIRE(keeper.count(kSortOctetsMax - 3));
  CHECK(keeper.keep("abc").value() == "abc");
  const auto more = keeper.keep("d");
  REQUIRE_FALSE(more);
  CHECK(more.error().is(kLimit));
}

TEST_CASE("sorting in slices sorts, whatever the number, and lets others go first") {
  std::mt19937 random(7);
  for (const std::size_t count : {0, 1, 511, 512, 513, 1025, 5000, 100'000}) {
    std::vector<int> rows(count);
    for (std::size_t i = 0; i < count; ++i) rows[i] = static_cast<int>(i);
    std::ranges::shuffle(rows, random);
    io::SimulatedLoop loop;
    bool over = false;
    std::size_t turns = 0;
    const auto sort = [&]() -> io::Task<bool> {
      co_await sort_in_slices(rows, std::less<>());
      over = true;
      co_return true;
    };
    const auto others = [&]() -> io::Task<> {
      while (!over) {
        ++turns;
        co_await io::Loop::current().yield();
      }
    };
    loop.spawn(others());
    CHECK(test::sync_wait(loop, sort()));
    CHECK(std::ranges::is_sorted(rows));
    if (count == 100'000) CHECK(turns > 100);
  }
}
