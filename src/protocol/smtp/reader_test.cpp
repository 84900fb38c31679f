#include "protocol/smtp/reader.h"

#include <vector>

#include "base/text.h"
#include "support/test.h"

namespace angarium::protocol::smtp {
namespace {

TEST_CASE("a command line is parted at its first space, blanks at its end mean nothing") {
  CHECK(split_command("MAIL FROM:<a@b>  \t").verb == "MAIL");
  CHECK(split_command("MAIL FROM:<a@b>  \t").arguments == "FROM:<a@b>");
  CHECK(split_command("NOOP ").verb == "NOOP");
  CHECK(split_command("NOOP ").arguments.empty());
  CHECK(split_command("").verb.empty());
}

/// All replies in the input, or the kind of what is wrong with it.
std::vector<std::string> replies(std::string_view input) {
  ReplyReader reader;
  std::vector<std::string> seen;
  while (!input.empty()) {
    const auto progress = reader.line(take_until(input, '\n'));
    if (!progress) {
      seen.emplace_back(progress.error().kind().name);
      return seen;
    }
    if (*progress == ReplyReader::Progress::more) continue;
    const Reply reply = reader.take();
    seen.push_back(std::to_string(reply.code) + "/" + std::to_string(reply.enhanced.status) + "." +
                   std::to_string(reply.enhanced.subject) + "." + std::to_string(reply.enhanced.detail) + "/" +
                   reply.text);
  }
  return seen;
}

TEST_CASE("replies are read whole, with what servers leave out") {
  struct Case {
    std::string_view input;
    std::vector<std::string> expected;
  };
  const std::vector<Case> cases{
      {"220 mail.example.test ESMTP\n", {"220/0.0.0/mail.example.test ESMTP"}},
      {"250\n250 \n", {"250/0.0.0/", "250/0.0.0/"}},
      {"250-a\n250-b\n250 c\n354 go\n", {"250/0.0.0/a\nb\nc", "354/0.0.0/go"}},
      {"250-a\n250\n", {"250/0.0.0/a\n"}},
      {"250 ok\n550 5.1.1 no\n", {"250/0.0.0/ok", "550/5.1.1/no"}},
      {"551-5.7.1 Forwarding disabled\n551 5.7.1 Select another\n", {"551/5.7.1/Forwarding disabled\nSelect another"}},
      {"250 2.1.5\n", {"250/2.1.5/"}},
      // The class must agree with the code, and only what looks like a code is one (RFC 2034 §4).
      {"550 4.1.1 no\n", {"550/0.0.0/4.1.1 no"}},
      {"250 2.1.1234 x\n", {"250/0.0.0/2.1.1234 x"}},
      {"250 2.1 x\n", {"250/0.0.0/2.1 x"}},
      {"354 3.0.0 go\n", {"354/0.0.0/3.0.0 go"}},
      {"hello\n", {"smtp.bad-reply"}},
      {"25\n", {"smtp.bad-reply"}},
      {"199 x\n", {"smtp.bad-reply"}},
      {"600 x\n", {"smtp.bad-reply"}},
      {"250_x\n", {"smtp.bad-reply"}},
      {"250-a\n550 b\n", {"smtp.bad-reply"}},
  };
  for (const Case& c : cases) CHECK(replies(c.input) == c.expected);
}

TEST_CASE("a reply of the most lines is read and one line more is refused") {
  std::string at;
  for (std::size_t i = 1; i < kReplyLinesMax; ++i) at += "250-\n";
  CHECK(replies(at + "250 x\n").front().ends_with("x"));
  CHECK(replies(at + "250-\n250 x\n") == std::vector<std::string>{"smtp.reply-too-long"});
}

}  // namespace
}  // namespace angarium::protocol::smtp
