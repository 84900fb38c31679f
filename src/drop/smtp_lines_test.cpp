#include "drop/smtp_lines.h"

#include "support/test.h"

using namespace angarium;
using namespace angarium::drop;

namespace {

/// The same however the input is cut.
std::string mended(std::string_view input) {
  std::string whole;
  SmtpLines().feed(input, whole);
  for (std::size_t cut = 0; cut <= input.size(); ++cut) {
    SmtpLines lines;
    std::string out;
    lines.feed(input.substr(0, cut), out);
    lines.feed(input.substr(cut), out);
    CHECK_MESSAGE(out == whole, cut);
  }
  SmtpLines lines;
  std::string out;
  for (const char c : input) lines.feed({&c, 1}, out);
  CHECK(out == whole);
  return whole;
}

}  // namespace

TEST_CASE("a session whose first line ends with CR LF passes as it is") {
  const std::string session = "EHLO x\r\nMAIL FROM:<a>\nBDAT 3 LAST\r\n\n\n\nQUIT\r\n";
  CHECK(mended(session) == session);
}

TEST_CASE("a session whose first line ends with LF has CR LF at the end of every line") {
  CHECK(mended("HELO x\nDATA\nSubject: y\r\n\n.\nQUIT\n") == "HELO x\r\nDATA\r\nSubject: y\r\n\r\n.\r\nQUIT\r\n");
  CHECK(mended("\nQUIT\n") == "\r\nQUIT\r\n");
}

TEST_CASE("in a session of lines a BDAT has no count, for it would be wrong; text that looks like one stays") {
  CHECK(mended("EHLO x\nBDAT 10 LAST\n") == "EHLO x\r\nBDAT \r\n");
  CHECK(mended("EHLO x\ndata\nBDAT 10 LAST\n.\nBDAT 10 LAST\n") == "EHLO x\r\ndata\r\nBDAT 10 LAST\r\n.\r\nBDAT \r\n");
}
