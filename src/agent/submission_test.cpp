#include "agent/submission.h"

#include "io/memory.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::agent;

namespace {

struct Mended {
  std::string header;
  std::string body;
  std::vector<SubmissionHeader::Author> authors;
};

Mended mend(std::string_view message, std::size_t cut = std::string_view::npos) {
  io::SimulatedLoop loop;
  SubmissionHeader header("mail.example.test");
  Mended result;
  for (std::string_view piece : {message.substr(0, cut), message.substr(std::min(cut, message.size()))}) {
    if (header.done()) {
      result.body += piece;
      continue;
    }
    auto rest = header.feed(piece);
    REQUIRE(rest);
    result.body += *rest;
  }
  if (!header.done()) REQUIRE(header.finish());
  result.header = header.text();
  result.authors = header.authors();
  return result;
}

}  // namespace

TEST_CASE("RFC 6409 section 8: Date and Message-ID are added where they are missing, Bcc is taken away") {
  const std::string_view message =
      "From: a@b\r\nBcc: secret@x,\r\n\tother@x\r\nTo: c@d\r\nbcc: again@x\r\n\r\nbody\r\n\r\nBcc: stays\r\n";
  const Mended mended = mend(message);
  CHECK(mended.header.starts_with("From: a@b\r\nTo: c@d\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <"));
  CHECK(mended.header.ends_with("@mail.example.test>\r\n\r\n"));
  CHECK(mended.header.find("secret") == std::string::npos);
  CHECK(mended.header.find("other") == std::string::npos);
  CHECK(mended.body == "body\r\n\r\nBcc: stays\r\n");
  REQUIRE(mended.authors.size() == 1);
  CHECK(mended.authors[0].local_part == "a");
  for (std::size_t cut = 0; cut <= message.size(); ++cut) {
    const Mended again = mend(message, cut);
    CHECK(again.body == mended.body);
    CHECK(again.header == mended.header);
  }
}

TEST_CASE("what is there stays as it is, octet for octet") {
  const std::string_view message = "Date: whatever\r\nmessage-id:  <x@y>  \r\nX:\r\n folded\r\n\r\n";
  CHECK(mend(message).header == message);
}

TEST_CASE("a message without a body, and one without a header") {
  CHECK(mend("Date: d\r\nMessage-ID: <x@y>\r\n").header == "Date: d\r\nMessage-ID: <x@y>\r\n\r\n");
  const Mended empty = mend("\r\nbody\r\n");
  CHECK(empty.header.starts_with("Date: "));
  CHECK(empty.body == "body\r\n");
}

TEST_CASE("a header at the limit is taken, one past it is refused") {
  const std::string frame = "Date: d\r\nMessage-ID: <x@y>\r\nX: \r\n\r\n";
  for (std::size_t over : {0, 1}) {
    std::string message = frame;
    message.insert(frame.size() - 4, std::string(kSubmittedHeaderMax - frame.size() + over, 'x'));
    SubmissionHeader header("h");
    io::SimulatedLoop loop;
    auto rest = header.feed(message);
    CHECK(rest.has_value() == (over == 0));
  }
  SubmissionHeader endless("h");
  const std::string line(1000, 'x');
  bool refused = false;
  for (int i = 0; i < 300 && !refused; ++i) refused = !endless.feed(line);
  CHECK(refused);
}
