#include "box/header_anew.h"

#include "box/testing.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::box;
using testing::Home;

namespace {

constexpr std::string_view kSeparator = "From a@example.test Tue Nov 14 10:00:00 2023\n";

/// What becomes of it when it comes in pieces of this size.
std::string anew(std::string_view octets, const StateAnew& state, std::size_t piece) {
  HeaderAnew header(state);
  std::string out;
  for (std::size_t at = 0; at < octets.size(); at += piece) header.take(octets.substr(at, piece), out);
  header.finish(out);
  CHECK(header.is_over());
  return out;
}

void check(std::string_view octets, const StateAnew& state, std::string_view wanted) {
  for (std::size_t piece = 1; piece <= octets.size(); ++piece) CHECK(anew(octets, state, piece) == wanted);
}
void check(std::string_view octets, message::BoxFlags flags, std::string_view wanted) {
  check(octets, StateAnew{.flags = flags}, wanted);
}

}  // namespace

TEST_CASE("flags stand at the end of the header, all else stays, however the octets come") {
  const std::string fields =
      std::string(kSeparator) + "From: a\nStatus: RO\nX-Status: A\nSubject: Status: no\n Status: no\n";
  const std::string kept = std::string(kSeparator) + "From: a\nSubject: Status: no\n Status: no\n";
  check(fields + "\nStatus: R\n\n", message::kBoxFlagged | message::kBoxOld,
        kept + "Status: O\nX-Status: F\n\nStatus: R\n\n");
  check(fields + "\n", 0, kept + "\n");
}

TEST_CASE("fields that are not given stay where they stand, and lines end as they did") {
  const std::string separator = std::string(kSeparator.substr(0, kSeparator.size() - 1)) + "\r\n";
  const std::string keywords = "X-Keywords: one\r\n two\r\nFrom: a\r\nX-KEYWORDS: three\r\n";
  check(separator + keywords + "\r\ntext\r\n", message::kBoxSeen | message::kBoxPassed,
        separator + keywords + "Status: R\r\n\r\ntext\r\n");
  const std::string flags = "Status: RO\r\nFrom: a\r\nX-Status: A\r\nX-IMAPbase: 1 0000000002\r\n";
  check(separator + keywords + flags + "\r\ntext\r\n", {.keywords = std::vector<std::string>{"b", "a"}},
        separator + "From: a\r\n" + flags + "X-Keywords: b a\r\n\r\ntext\r\n");
  check(separator + flags + "\r\n", {.keywords = std::vector<std::string>()}, separator + flags + "\r\n");
}

TEST_CASE("words that may stay do, once, behind the others") {
  const std::string before = std::string(kSeparator) + "X-Keywords: one two\n three\nX-KEYWORDS: Four TWO five\n\n";
  check(before, {.keywords = std::vector<std::string>{"ours", "FOUR"}, .further_keywords = {"two", "four", "six"}},
        std::string(kSeparator) + "X-Keywords: ours FOUR two\n\n");
}

TEST_CASE("what a file keeps for all its messages stands right behind the separator, whatever stood where") {
  const message::MboxBase base{.uid_validity = 1, .uid_last = 2, .keywords = {"one"}};
  const std::string wanted =
      std::string(kSeparator) + "X-IMAPbase: 1 0000000002 one\nX-UID: 1\nA: b\n\nX-IMAPbase: 3\n";
  check(std::string(kSeparator) + "X-UID: 1\nX-IMAPBASE: 1\n 2\nA: b\nX-IMAPbase: 4\n\nX-IMAPbase: 3\n", {.base = base},
        wanted);
  check(wanted, {.base = base}, wanted);
  check(std::string(kSeparator) + "\n", {.base = base}, std::string(kSeparator) + "X-IMAPbase: 1 0000000002 one\n\n");
}

TEST_CASE("fields of state with blanks before their colons are fields of state, and those with too many are none") {
  const std::string fields = "Status : RO\nX-Keywords\t: one\nX-IMAPbase : 1 2\nA : b\n";
  check(std::string(kSeparator) + fields + "\n",
        {.flags = message::kBoxSeen,
         .keywords = std::vector<std::string>{"two"},
         .further_keywords = {"one"},
         .base = message::MboxBase{.uid_validity = 1, .uid_last = 2, .keywords = {}}},
        std::string(kSeparator) + "X-IMAPbase: 1 0000000002\nA : b\nStatus: R\nX-Keywords: two one\n\n");
  const auto status = [](std::size_t octets) { return "Status" + std::string(octets - 7, ' ') + ": RO\n"; };
  check(std::string(kSeparator) + status(message::kBoxFieldNameMax) + "\n", 0, std::string(kSeparator) + "\n");
  const std::string beyond = std::string(kSeparator) + status(message::kBoxFieldNameMax + 1) + "\n";
  check(beyond, 0, beyond);
}

TEST_CASE("a message that ends within its header, and lines that are no fields") {
  check(std::string(kSeparator) + "From: a\nno field at all\n", message::kBoxSeen,
        std::string(kSeparator) + "From: a\nno field at all\nStatus: R\n");
  const std::string line = std::string(100, 'x') + ": y\n";
  check(std::string(kSeparator) + line + "\n", 0, std::string(kSeparator) + line + "\n");
}

TEST_CASE("a header at the size of a block and beyond it gets its flags, and they are read again") {
  for (const std::size_t size : {kHeaderMax - 200, kHeaderMax, kHeaderMax + 1, 5 * kHeaderMax}) {
    CAPTURE(size);
    const Home home;
    std::string long_field = "X-Long: ";
    while (long_field.size() < size) long_field += std::string(70, 'x') + "\n ";
    const std::string next = std::string(kSeparator) + "Subject: next\n\ntext\n\n";
    const std::string spool =
        std::string(kSeparator) + "Status: RO\n" + long_field + "\nSubject: long\n\ntext\n\n" + next;
    home.put("spool", spool);
    auto box = open_box(home.path() + "/spool", home.host(), Access::change);
    REQUIRE(box);
    REQUIRE((*box)->size() == 2);
    (*box)->at(0).flags = message::kBoxFlagged | message::kBoxOld;
    REQUIRE((*box)->write());
    CHECK((*box)->at(0).flags_there == (message::kBoxFlagged | message::kBoxOld));
    CHECK((*box)->at(0).flags == (*box)->at(0).flags_there);
    const std::string after = home.get("spool");
    CHECK(after == std::string(kSeparator) + long_field + "\nSubject: long\nStatus: O\nX-Status: F\n\ntext\n\n" + next);
  }
}
