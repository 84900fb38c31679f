#include "protocol/smtp/reader.h"

#include <vector>

#include "base/text.h"
#include "support/test.h"

namespace angarium::protocol::smtp {
namespace {

using Kind = Line::Kind;

struct Seen {
  Kind kind;
  std::string text;
  friend bool operator==(const Seen&, const Seen&) = default;
};

/// All lines of the input, given in pieces that end at `cuts`.
std::vector<Seen> lines(std::string_view input, const std::vector<std::size_t>& cuts, std::size_t limit) {
  LineReader reader;
  std::string buffer;
  std::vector<Seen> seen;
  std::size_t from = 0;
  auto drain = [&] {
    for (;;) {
      const Line line = reader.next(buffer, limit);
      if (line.kind != Kind::incomplete) seen.push_back({line.kind, std::string(line.text)});
      buffer.erase(0, line.taken);
      if (line.kind == Kind::incomplete) return;
    }
  };
  for (const std::size_t cut : cuts) {
    buffer += input.substr(from, cut - from);
    from = cut;
    drain();
  }
  buffer += input.substr(from);
  drain();
  return seen;
}

TEST_CASE("a line ends with CR LF and nothing else, wherever the input is cut") {
  const std::string input = "NOOP\r\nQUIT\nA\rB\r\n\r\nC\r\r\n";
  const std::vector<Seen> expected{
      {Kind::complete, "NOOP"}, {Kind::bare, "QUIT"}, {Kind::bare, "A\rB"}, {Kind::complete, ""}, {Kind::bare, "C\r"}};
  CHECK(lines(input, {}, 512) == expected);
  for (std::size_t i = 0; i <= input.size(); ++i) CHECK(lines(input, {i}, 512) == expected);
  std::vector<std::size_t> every;
  for (std::size_t i = 1; i < input.size(); ++i) every.push_back(i);
  CHECK(lines(input, every, 512) == expected);
}

TEST_CASE("a line of the limit is taken, one past it is skipped whole and the next line is read") {
  const std::string at = std::string(510, 'a') + "\r\n";
  const std::string past = std::string(511, 'a') + "\r\n";
  CHECK(lines(at + "QUIT\r\n", {}, 512) ==
        std::vector<Seen>{{Kind::complete, std::string(510, 'a')}, {Kind::complete, "QUIT"}});
  const std::vector<Seen> skipped{{Kind::too_long, ""}, {Kind::complete, "QUIT"}};
  const std::string input = past + "QUIT\r\n";
  for (std::size_t i = 0; i <= input.size(); ++i) CHECK(lines(input, {i}, 512) == skipped);
}

TEST_CASE("a line without end is reported once kLineEndless octets were skipped") {
  LineReader reader;
  const std::string piece(64 * 1024, 'x');
  std::size_t taken = 0;
  Kind kind = Kind::incomplete;
  while (kind == Kind::incomplete) {
    const Line line = reader.next(piece, 512);
    kind = line.kind;
    taken += line.taken;
    REQUIRE(taken <= kLineEndless + piece.size());
  }
  CHECK(kind == Kind::endless);
}

TEST_CASE("a command line is parted at its first space, blanks at its end mean nothing") {
  CHECK(split_command("MAIL FROM:<a@b>  \t").verb == "MAIL");
  CHECK(split_command("MAIL FROM:<a@b>  \t").arguments == "FROM:<a@b>");
  CHECK(split_command("NOOP ").verb == "NOOP");
  CHECK(split_command("NOOP ").arguments.empty());
  CHECK(split_command("").verb.empty());
}

std::vector<std::string> replies(std::string_view input, std::size_t cut) {
  ReplyReader reader;
  std::vector<std::string> seen;
  for (std::string_view part : {input.substr(0, cut), input.substr(cut)}) {
    while (!part.empty()) {
      auto progress = reader.read(part);
      if (!progress) {
        seen.emplace_back(progress.error().kind().name);
        return seen;
      }
      if (*progress == ReplyReader::Progress::done) {
        const Reply reply = reader.take();
        seen.push_back(std::to_string(reply.code) + "/" + std::to_string(reply.enhanced.status) + "." +
                       std::to_string(reply.enhanced.subject) + "." + std::to_string(reply.enhanced.detail) + "/" +
                       reply.text);
      }
    }
  }
  return seen;
}

TEST_CASE("replies are read whole wherever they are cut, with what servers leave out") {
  struct Case {
    std::string_view input;
    std::vector<std::string> expected;
  };
  const std::vector<Case> cases{
      {"220 mail.example.test ESMTP\r\n", {"220/0.0.0/mail.example.test ESMTP"}},
      {"250\r\n250 \r\n", {"250/0.0.0/", "250/0.0.0/"}},
      {"250-a\r\n250-b\r\n250 c\r\n354 go\r\n", {"250/0.0.0/a\nb\nc", "354/0.0.0/go"}},
      {"250-a\r\n250\r\n", {"250/0.0.0/a\n"}},
      {"250 ok\n550 5.1.1 no\n", {"250/0.0.0/ok", "550/5.1.1/no"}},
      {"551-5.7.1 Forwarding disabled\r\n551 5.7.1 Select another\r\n",
       {"551/5.7.1/Forwarding disabled\nSelect another"}},
      {"250 2.1.5\r\n", {"250/2.1.5/"}},
      // The class must agree with the code, and only what looks like a code is one (RFC 2034 §4).
      {"550 4.1.1 no\r\n", {"550/0.0.0/4.1.1 no"}},
      {"250 2.1.1234 x\r\n", {"250/0.0.0/2.1.1234 x"}},
      {"250 2.1 x\r\n", {"250/0.0.0/2.1 x"}},
      {"354 3.0.0 go\r\n", {"354/0.0.0/3.0.0 go"}},
      {"hello\r\n", {"smtp.bad-reply"}},
      {"25\r\n", {"smtp.bad-reply"}},
      {"199 x\r\n", {"smtp.bad-reply"}},
      {"600 x\r\n", {"smtp.bad-reply"}},
      {"250_x\r\n", {"smtp.bad-reply"}},
      {"250-a\r\n550 b\r\n", {"smtp.bad-reply"}},
  };
  for (const Case& c : cases)
    for (std::size_t cut = 0; cut <= c.input.size(); ++cut) CHECK(replies(c.input, cut) == c.expected);
}

TEST_CASE("a reply line of the limit is read and one octet more is refused") {
  const std::string at = "250 " + std::string(kReplyLineMax - 6, 'x') + "\r\n";
  const std::string past = "250 " + std::string(kReplyLineMax - 5, 'x') + "\r\n";
  CHECK(replies(at, 100).size() == 1);
  CHECK(replies(at, 100).front().size() > kReplyLineMax - 6);
  CHECK(replies(past, 100) == std::vector<std::string>{"smtp.reply-too-long"});
}

TEST_CASE("a reply of the most lines is read and one line more is refused") {
  std::string at;
  for (std::size_t i = 1; i < kReplyLinesMax; ++i) at += "250-\r\n";
  CHECK(replies(at + "250 x\r\n", 0).front().ends_with("x"));
  CHECK(replies(at + "250-\r\n250 x\r\n", 0) == std::vector<std::string>{"smtp.reply-too-long"});
}

}  // namespace
}  // namespace angarium::protocol::smtp
