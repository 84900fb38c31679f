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

/// What is said of a message that is refused, in every cut the same.
std::string refusal(std::string_view message) {
  io::SimulatedLoop loop;
  std::string text;
  for (std::size_t cut = 0; cut <= message.size(); ++cut) {
    SubmissionHeader header("mail.example.test");
    Result<> outcome;
    for (std::string_view piece : {message.substr(0, cut), message.substr(cut)}) {
      if (!outcome || header.done()) continue;
      if (auto rest = header.feed(piece); !rest) outcome = std::unexpected(rest.error());
    }
    if (outcome && !header.done()) outcome = header.finish();
    REQUIRE(!outcome);
    CHECK(outcome.error().is(kBadHeader));
    if (cut > 0) CHECK(text == outcome.error().text());
    text = outcome.error().text();
  }
  return text;
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
  const std::string_view message = "From: a@b\r\nDate: whatever\r\nmessage-id:  <x@y>  \r\nX:\r\n folded\r\n\r\n";
  CHECK(mend(message).header == message);
}

TEST_CASE("a message without a body, and one without a header") {
  const std::string header = "From: a@b\r\nDate: d\r\nMessage-ID: <x@y>\r\n";
  CHECK(mend(header).header == header + "\r\n");
  CHECK(refusal("\r\nbody\r\n") == "the header has no From field, or an empty one");
  CHECK(refusal("") == "the header has no From field, or an empty one");
}

TEST_CASE(
    "RFC 5322 section 2.3: CR and LF stand together only, so that no part of a message is lost behind a bare LF") {
  const std::string_view text = "the header has a bare CR or LF";
  CHECK(refusal("From: alice@example.test\nSubject: lf\n\nThis is a long important body\n") == text);
  CHECK(refusal("From: alice@example.test\r\nSubject: lf\n\nlost\r\n\r\nbody") == text);
  CHECK(refusal("From: a@b\r\nSubject: cr\rX: y\r\n\r\nbody") == text);
  CHECK(refusal("From: a@b\r\nSubject: cr\r\r\n\r\nbody") == text);
  CHECK(mend("From: a@b\r\n\r\nbare\nin\n\nthe\rbody").body == "bare\nin\n\nthe\rbody");
}

TEST_CASE("RFC 5322 section 3.6: From is there and not empty; an empty Date or Message-ID is none") {
  CHECK(refusal("To: a@b\r\n\r\nbody") == "the header has no From field, or an empty one");
  CHECK(refusal("From: \r\n \r\nTo: a@b\r\n\r\nbody") == "the header has no From field, or an empty one");
  const Mended mended = mend("Date:\r\nFrom: a@b\r\nMessage-ID: \r\n\t\r\n\r\nbody");
  CHECK(mended.header.starts_with("From: a@b\r\nDate: Tue, 14 Nov 2023"));
  CHECK(mended.header.find("Message-ID: <") != std::string::npos);
  CHECK(mended.header.find("Date:\r\n") == std::string::npos);
  CHECK(mended.header.find("Message-ID: \r\n") == std::string::npos);
}

TEST_CASE("RFC 5321 section 4.4: a Return-Path that a user sends is taken away") {
  CHECK(mend("Return-Path: <x@y>\r\nFrom: a@b\r\nDate: d\r\nMessage-ID: <x@y>\r\n\r\n").header ==
        "From: a@b\r\nDate: d\r\nMessage-ID: <x@y>\r\n\r\n");
}

TEST_CASE("a message that begins with a blank or with text has no header") {
  CHECK(refusal(" by forged.example\r\nFrom: a@b\r\n\r\n") == "the message does not begin with a header field");
  CHECK(refusal("hello you\r\nFrom: a@b\r\n\r\n") == "the message does not begin with a header field");
}

TEST_CASE("RFC 6409 section 8.1: all who are said to have sent it are known by their field") {
  const Mended mended = mend("From: a@b\r\nsender: c@d\r\nResent-From: e@f\r\nResent-Sender: g@h\r\n\r\n");
  REQUIRE(mended.authors.size() == 4);
  CHECK(mended.authors[1].field == "Sender");
  CHECK(mended.authors[1].local_part == "c");
  CHECK(mended.authors[2].field == "Resent-From");
  CHECK(mended.authors[3].field == "Resent-Sender");
  CHECK(mended.authors[3].domain == "h");
}

TEST_CASE("a header at the limit is taken, one past it is refused") {
  const std::string frame = "From: a@b\r\nDate: d\r\nMessage-ID: <x@y>\r\nX: \r\n\r\n";
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
