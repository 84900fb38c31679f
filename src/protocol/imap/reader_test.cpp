#include "protocol/imap/reader.h"

#include <vector>

#include "support/test.h"

using namespace angarium::protocol::imap;
using namespace std::string_view_literals;
using Event = CommandReader::Event;

namespace {

/// What a reader makes of a session in which every fitting literal is collected: the commands, or "!" and the beginning
/// of one that was dropped.
std::vector<std::string> commands(std::string_view stream, std::size_t first_piece, std::size_t piece,
                                  std::size_t limit = 200) {
  CommandReader reader(limit);
  std::vector<std::string> found;
  std::string_view input;
  std::size_t taken = 0;
  for (std::size_t step = 0; taken < stream.size() || !input.empty(); ++step) {
    if (input.empty()) {
      input = stream.substr(taken, step == 0 ? first_piece : piece);
      taken += input.size();
      if (input.empty()) continue;
    }
    switch (reader.feed(input)) {
      case Event::need_more: break;
      case Event::literal:
        if (reader.fits()) {
          reader.collect();
        } else {
          reader.discard();
        }
        break;
      case Event::line:
        found.emplace_back(reader.text());
        reader.next();
        break;
      case Event::discarded:
        found.push_back("!" + std::string(reader.text().substr(0, 2)));
        reader.next();
        break;
    }
  }
  return found;
}

constexpr std::string_view kSession =
    "a NOOP\r\n"
    "b LOGIN {5}\r\nfr\r\ne {3+}\r\na\nb\r\n"
    "c APPEND x ~{4+}\r\n\0}\r\n x\r\n"
    "\r\n"
    "d lone lf\n"
    "e {0}\r\n\r\n"sv;

}  // namespace

TEST_CASE("RFC 9051 §4.3: literals stand in the command as they came") {
  const std::vector<std::string> expected = {"a NOOP",
                                             "b LOGIN {5}\r\nfr\r\ne {3+}\r\na\nb",
                                             std::string("c APPEND x ~{4+}\r\n\0}\r\n x"sv),
                                             "",
                                             "d lone lf",
                                             "e {0}\r\n"};
  CHECK(commands(kSession, 1000, 1000) == expected);
}

TEST_CASE("cut at every byte the commands are the same") {
  const std::string_view session = kSession;
  const auto whole = commands(session, 1000, 1000);
  for (std::size_t cut = 1; cut < session.size(); ++cut) CHECK(commands(session, cut, 1000) == whole);
  CHECK(commands(session, 1, 1) == whole);
}

TEST_CASE("a command at the limit is read, one octet more is dropped with all that belongs to it") {
  const std::string fits(20, 'x');
  CHECK(commands(fits + "\r\nb\r\n", 1000, 1000, 20) == std::vector<std::string>{fits, "b"});
  for (std::size_t piece : {1, 2, 7, 1000}) {
    CHECK(commands(fits + "x\r\nb\r\n", piece, piece, 20) == std::vector<std::string>{"!xx", "b"});
    CHECK(commands(fits + "xxxxxxxxxxx {4+}\r\nq\r\nq\r\nb\r\n", piece, piece, 20) ==
          std::vector<std::string>{"!xx", "b"});
    // A client that waits for "+" sees the refusal: nothing of the literal follows.
    CHECK(commands(fits + "xxxxxxxxxxx {4}\r\nb\r\n", piece, piece, 20) == std::vector<std::string>{"!xx", "b"});
  }
}

TEST_CASE("a refused literal is dropped with the rest of its command") {
  for (std::size_t piece : {1, 3, 1000}) {
    CHECK(commands("a X {21+}\r\n123456789012345678901 {2+}\r\nab y\r\nb\r\n", piece, piece, 20) ==
          std::vector<std::string>{"!a ", "b"});
  }
}

TEST_CASE("literal announcements") {
  LiteralHead head;
  CHECK(literal_at_end("a {310}", head));
  CHECK(head == LiteralHead{310, LiteralHead::Sync::waits, LiteralHead::Form::text});
  CHECK(literal_at_end("a ~{9223372036854775807+}", head));
  CHECK(head == LiteralHead{INT64_MAX, LiteralHead::Sync::flows, LiteralHead::Form::binary});
  for (auto none : {"{}", "{+}", "{-1}", "{1", "1}", "{ 1}", "{1 }", "{9223372036854775808}", "{1++}",
                    "{99999999999999999999}", ""})
    CHECK_FALSE(literal_at_end(none, head));
}

TEST_CASE("an idle reader gives its memory back") {
  CommandReader reader(100'000);
  const std::string line = "a " + std::string(90'000, 'x') + "\r\n";
  std::string_view input = line;
  CHECK(reader.feed(input) == Event::line);
  reader.next();
  reader.release();
  CHECK(reader.text().empty());
  input = "b NOOP\r\n";
  CHECK(reader.feed(input) == Event::line);
  CHECK(reader.text() == "b NOOP");
}
