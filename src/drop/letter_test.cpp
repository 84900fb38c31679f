#include "drop/letter.h"

#include "drop/options.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::drop;

namespace {

/// The text cut in two at `at`: what comes out may not depend on it.
std::string lines_of(std::string_view text, DotLine dot, std::size_t at) {
  Lines lines(dot);
  std::string out;
  lines.feed(text.substr(0, at), out);
  lines.feed(text.substr(at), out);
  lines.finish(out);
  return out;
}

void expect_lines(std::string_view text, std::string_view wanted, DotLine dot = DotLine::ends) {
  for (std::size_t at = 0; at <= text.size(); ++at) {
    CAPTURE(at);
    CHECK(lines_of(text, dot, at) == wanted);
  }
}

Head head_of(std::string_view text, std::size_t at) {
  Head head;
  REQUIRE(head.feed(text.substr(0, at)));
  REQUIRE(head.feed(text.substr(at)));
  head.finish();
  return head;
}

void expect_head(std::string_view text, std::string_view fields, std::string_view rest) {
  for (std::size_t at = 0; at <= text.size(); ++at) {
    CAPTURE(at);
    Head head = head_of(text, at);
    CHECK(head.fields() == fields);
    CHECK(head.rest() == rest);
  }
}

}  // namespace

TEST_CASE("every kind of line end becomes CR LF, and nothing is left that could be taken for another") {
  expect_lines("a\nb\r\nc\rd\r\r\n\n", "a\r\nb\r\nc\r\nd\r\n\r\n\r\n");
  expect_lines("no end", "no end\r\n");
  expect_lines("no end\r", "no end\r\n");
  expect_lines("", "");
  expect_lines(std::string_view("a\0b\n", 4), std::string_view("a\0b\r\n", 5));
}

TEST_CASE("a dot alone ends the message, unless -i says that it does not") {
  expect_lines("a\n.\nb\n", "a\r\n");
  expect_lines("a\r\n.\r\nb", "a\r\n");
  expect_lines("a\n.", "a\r\n");
  expect_lines("a\n..\n.b\n .\n", "a\r\n..\r\n.b\r\n .\r\n");
  expect_lines("a\n.\nb\n", "a\r\n.\r\nb\r\n", DotLine::is_text);
  expect_lines(".\n", "");
}

TEST_CASE("a first line of mbox files is dropped, no other") {
  expect_lines("From anna Sun Nov 22\nSubject: x\n", "Subject: x\r\n");
  expect_lines("From: anna\nFrom x\n", "From: anna\r\nFrom x\r\n");
  expect_lines("Fro", "Fro\r\n");
  expect_lines("From ", "");
  expect_lines("\nFrom x\n", "\r\nFrom x\r\n");
}

TEST_CASE("the header ends at the empty line, or before the first line that is no field") {
  expect_head("A: b\r\nC: d\r\n e\r\n\r\nbody\r\n", "A: b\r\nC: d\r\n e\r\n", "body\r\n");
  expect_head("A: b\r\nbody\r\nC: d\r\n", "A: b\r\n", "body\r\nC: d\r\n");
  expect_head("hello\r\nA: b\r\n", "", "hello\r\nA: b\r\n");
  expect_head(" A: b\r\n\r\nx\r\n", "", " A: b\r\n\r\nx\r\n");
  expect_head("\r\nbody\r\n", "", "body\r\n");
  expect_head("A: b\r\n", "A: b\r\n", "");
  expect_head("", "", "");
}

TEST_CASE("a header of 256 KiB and no longer one") {
  const std::string line = "X: " + std::string(1019, 'x') + "\r\n";
  std::string fields;
  while (fields.size() < kHeaderMax) fields += line;
  REQUIRE(fields.size() == kHeaderMax);
  Head head;
  CHECK(head.feed(fields + "\r\nbody"));
  CHECK((head.done() && head.fields() == fields && head.rest() == "body"));
  Head longer;
  const auto fed = longer.feed(fields.substr(0, kHeaderMax - 2) + "x\r\n\r\n");
  REQUIRE_FALSE(fed);
  CHECK(fed.error().is(kBadLetter));
  // A body that is one long line has no header that is too long.
  Head body;
  CHECK(body.feed(std::string(kHeaderMax + 100, 'x')));
  CHECK((body.done() && body.fields().empty() && body.rest().size() == kHeaderMax + 100));
}

TEST_CASE("recipients of the header: To, Cc and Bcc, each once; of a message sent again the Resent fields alone") {
  using List = std::vector<std::string>;
  CHECK(
      header_recipients("To: A <a@x.test>,\r\n b\r\ncc: G: c@x.test, a@x.test;\r\nBcc: d@x.test\r\nFrom: e@x.test\r\n")
          .value() == List{"a@x.test", "b", "c@x.test", "d@x.test"});
  CHECK(header_recipients("To: a@x.test\r\nResent-To: b@x.test\r\nResent-Bcc: c\r\n").value() == List{"b@x.test", "c"});
  CHECK(header_recipients("Subject: x\r\nTo: undisclosed:;\r\n").value().empty());
  CHECK_FALSE(header_recipients("To: @x.test\r\n"));
  std::string many = "To: a0";
  for (std::size_t i = 1; i < kRecipientsMax; ++i) many += ", a" + std::to_string(i);
  CHECK(header_recipients(many + "\r\n").value().size() == kRecipientsMax);
  CHECK_FALSE(header_recipients(many + ", b\r\n"));
}

TEST_CASE("a Date is added where there is none") {
  const auto now = message::DateTime::at({1'763'800'000'000'000});
  std::string fields = "Subject: x\r\n";
  complete(fields, now);
  CHECK(fields == "Subject: x\r\nDate: " + message::format_date(now) + "\r\n");
  complete(fields, message::DateTime::at({0}));
  CHECK(fields == "Subject: x\r\nDate: " + message::format_date(now) + "\r\n");
}
