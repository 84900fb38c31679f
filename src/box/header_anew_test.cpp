#include "box/header_anew.h"

#include "box/testing.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::box;
using testing::Home;

namespace {

constexpr std::string_view kSeparator = "From a@example.test Tue Nov 14 10:00:00 2023\n";

/// What becomes of it when it comes in pieces of this size.
std::string anew(std::string_view octets, message::BoxFlags flags, std::size_t piece) {
  HeaderAnew header(flags);
  std::string out;
  for (std::size_t at = 0; at < octets.size(); at += piece) header.take(octets.substr(at, piece), out);
  header.finish(out);
  CHECK(header.is_over());
  return out;
}

void check(std::string_view octets, message::BoxFlags flags, std::string_view wanted) {
  for (std::size_t piece = 1; piece <= octets.size(); ++piece) CHECK(anew(octets, flags, piece) == wanted);
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

TEST_CASE("keywords stay, of several fields and of folded ones, and lines end as they did") {
  const std::string separator = std::string(kSeparator.substr(0, kSeparator.size() - 1)) + "\r\n";
  const std::string out =
      anew(separator + "X-Keywords: one\r\n two\r\nFrom: a\r\nX-KEYWORDS: three\r\n\r\ntext\r\n", message::kBoxSeen, 7);
  CHECK(out.starts_with(separator + "From: a\r\nStatus: R\r\n"));
  CHECK(out.ends_with("\r\n\r\ntext\r\n"));
  for (const std::string_view word : {"one", "two", "three"}) CHECK(out.find(word) != std::string::npos);
  CHECK(out.find("X-Keywords") == out.rfind("X-Keywords"));
}

TEST_CASE("a keyword that is a flag goes with the flag, and stays with it") {
  const std::string before = std::string(kSeparator) + "X-Keywords: one $Forwarded\n\n";
  check(before, 0, std::string(kSeparator) + "X-Keywords: one\n\n");
  CHECK(anew(before, message::kBoxPassed, 5).find("$Forwarded") != std::string::npos);
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
