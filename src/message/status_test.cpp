#include "message/status.h"

#include "message/lexical.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {
std::string read(std::string_view text) {
  const auto code = parse_status(text);
  return code ? code->text() : "none";
}
std::string reply(std::string_view text) {
  const auto code = status_of_reply(text);
  return code ? code->text() : "none";
}
}  // namespace

TEST_CASE("RFC 3463 2: a status code is a class of 2, 4 or 5 and two numbers of one to three digits") {
  CHECK(read("5.1.1") == "5.1.1");
  CHECK(read("2.0.0") == "2.0.0");
  CHECK(read("4.999.999") == "4.999.999");
  CHECK(read("4.999.1000") == "none");
  CHECK(read("4.1000.1") == "none");
  CHECK(read("3.1.1") == "none");
  CHECK(read("0.1.1") == "none");
  CHECK(read("55.1.1") == "none");
  CHECK(read("5.1") == "none");
  CHECK(read("5.1.") == "none");
  CHECK(read("5..1") == "none");
  CHECK(read("") == "none");
  CHECK(read(" #") == "none");
}

TEST_CASE("RFC 3464 2.3.4: each number of a status code is written without leading zeros") {
  CHECK(read("5.01.001") == "5.1.1");
  CHECK(read("5.0.0") == "5.0.0");
}

TEST_CASE("a status code is read with comments and signs that mailers put around it") {
  CHECK(read(" 5.1.1 (bad destination mailbox)") == "5.1.1");
  CHECK(read("#5.7.1 smtp;550") == "5.7.1");
  CHECK(read("5.1.1.") == "5.1.1");
  CHECK(read("5.1.1.2") == "none");  // an address of the network, for instance
}

TEST_CASE("RFC 3461 6.3: without a specific code the status is 4.0.0 or 5.0.0") {
  CHECK(reply("550 5.1.1 no such user") == "5.1.1");
  CHECK(reply("550-5.7.1 line\r\n550 5.7.1 line") == "5.7.1");
  CHECK(reply("550 no such user") == "5.0.0");
  CHECK(reply("451 try again") == "4.0.0");
  CHECK(reply("250") == "2.0.0");
  CHECK(reply("550") == "5.0.0");
}

TEST_CASE("RFC 2034 3: an enhanced code of another class than the reply's does not count") {
  CHECK(reply("451 5.1.1 what now") == "4.0.0");
  CHECK(reply("550 2.0.0 fine") == "5.0.0");
}

TEST_CASE("what is no reply tells no status") {
  for (const char* text : {"", "5", "55", "354 go on", "999 x", "5501 x", "host unknown"}) {
    CAPTURE(text);
    CHECK(reply(text) == "none");
  }
}

TEST_CASE("RFC 3463 3: an unknown detail is told as its subject, an unknown subject as X.0.0") {
  CHECK(status_name({5, 1, 1}) == "Bad destination mailbox address");
  CHECK(status_name({4, 7, 30}) == "REQUIRETLS support required");
  CHECK(status_name({5, 1, 99}) == "Other address status");
  CHECK(status_name({5, 99, 1}) == "Other undefined status");
  CHECK(status_name({5, 8, 0}) == "Other undefined status");
}

TEST_CASE("every code has plain words: a sentence of what happened and one of what to do, in ASCII of one line") {
  for (std::uint16_t subject = 0; subject < 10; ++subject) {
    for (std::uint16_t detail = 0; detail < 40; ++detail) {
      CAPTURE(subject);
      CAPTURE(detail);
      for (const auto words : {status_meaning({5, subject, detail}, Language::english),
                               status_advice({5, subject, detail}, Language::english)}) {
        CHECK(words.ends_with('.'));
        CHECK(words.size() > 15);
        for (const char c : words) CHECK((is_of(c, kVchar) || c == ' '));
      }
    }
  }
  CHECK(status_meaning({5, 1, 1}, Language::english) == "There is no mailbox with this address.");
  CHECK(status_meaning({4, 2, 2}, Language::english) == "The recipient's mailbox is full.");
}
