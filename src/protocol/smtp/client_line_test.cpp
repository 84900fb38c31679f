// What the client may put on the line and take from it: line ends, limits, times.
#include <string>
#include <vector>

#include "base/text.h"
#include "io/error.h"
#include "io/memory.h"
#include "message/dots.h"
#include "protocol/smtp/client.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::protocol::smtp {
namespace {

using namespace std::chrono_literals;

envelope::Envelope to(std::size_t recipients) {
  envelope::Envelope envelope;
  envelope.sender.path = envelope::parse_reverse_path("<a@b.example>").value();
  for (std::size_t i = 0; i < recipients; ++i)
    envelope.recipients.push_back({envelope::parse_forward_path("<x@y.example>").value(), {}});
  return envelope;
}

/// The octets of a message in pieces of the test's choice; fails behind the last one if it shall.
class InPieces final : public MessageSource {
 public:
  explicit InPieces(std::vector<std::string> pieces, bool fails = false) : pieces_(std::move(pieces)), fails_(fails) {}
  io::ValueOrTask<Result<std::string_view>> next() override {
    while (next_ < pieces_.size())
      if (const std::string& piece = pieces_[next_++]; !piece.empty()) return Result<std::string_view>(piece);
    if (fails_) return Result<std::string_view>(fail(io::kSystem, "the disk is gone"));
    return Result<std::string_view>(std::string_view());
  }

 private:
  std::vector<std::string> pieces_;
  std::size_t next_ = 0;
  bool fails_;
};

/// A server that says all its replies at MAIL, without waiting for what they answer, and keeps every octet it hears.
struct Listening {
  Listening(std::string first, std::string at_mail) : says(std::move(first)), says_then(std::move(at_mail)) {
    loop.spawn(run());
  }
  ~Listening() { loop.destroy_tasks(); }

  io::Task<> run() {
    (void)co_await io::write_all(*ends.server, says);
    bool said = false;
    char buffer[4096];
    for (;;) {
      const auto count = ends.server->try_read(buffer);
      if (!count) break;
      heard.append(buffer, *count);
      if (!said && heard.find("MAIL FROM") != heard.npos) {
        said = true;
        (void)co_await io::write_all(*ends.server, says_then);
      }
      if (*count == 0 && !co_await ends.server->readable()) break;
    }
    ended = true;
  }

  Result<SendReport> send(MessageSource& source, MessageFacts facts = {}, std::size_t recipients = 1,
                          ClientOptions options = {.name = "client.example"}) {
    const Moment start = loop.now();
    auto session = [&]() -> io::Task<Result<SendReport>> {
      Client client(*ends.client, options);
      CO_TRY(co_await client.open());
      auto report = co_await client.send(to(recipients), facts, source);
      closed = client.closed();
      if (closed) co_await client.quit();
      co_return report;
    };
    auto report = test::sync_wait(loop, session());
    took = loop.now() - start;
    loop.settle();
    return report;
  }
  /// What was heard behind DATA.
  [[nodiscard]] std::string data() const {
    const auto at = heard.find("DATA\r\n");
    return at == heard.npos ? std::string() : heard.substr(at + 6);
  }

  std::string says;
  std::string says_then;
  std::string heard;
  bool ended = false;
  bool closed = false;
  Duration took{0};
  io::SimulatedLoop loop;
  wire::MemoryConnections ends = wire::memory_connections();
};

constexpr std::string_view kHello = "220 hi\r\n250 hi\r\n";
constexpr std::string_view kTakes = "250 ok\r\n250 ok\r\n354 go\r\n250 done\r\n";

bool bare(std::string_view octets) {
  message::LineScanner seen;
  seen.feed(octets);
  return !seen.clean_line_ends();
}

/// Every way to cut `octets` in two, and into single octets.
std::vector<std::vector<std::string>> all_cuts(const std::string& octets) {
  std::vector<std::vector<std::string>> cuts;
  for (std::size_t at = 0; at <= octets.size(); ++at) cuts.push_back({octets.substr(0, at), octets.substr(at)});
  for (std::size_t at = 0; at + 1 < octets.size(); ++at)
    cuts.push_back({octets.substr(0, at), octets.substr(at, 1), octets.substr(at + 1)});
  cuts.emplace_back();
  for (const char octet : octets) cuts.back().emplace_back(1, octet);
  return cuts;
}

TEST_CASE("RFC 5321 §2.3.8: in DATA no bare CR or LF leaves, whatever the source holds and however it is cut") {
  const std::vector<std::string> messages = {
      "",
      ".",
      "..\r\n",
      "x",
      "a\r\nb\r\n",
      ".a\r\n..\r\n.\r\n",
      "a\r\n.\r\nb",
      "\r\n.\r\n",
      "\r\n\r\n",
      "a\nb\r\n",
      "a\rb\r\n",
      "a\n.\r\nMAIL",
      "a\r.\r\nMAIL",
      "a\r\n.\nMAIL",
      "a\r\n.\rMAIL",
      "a\n.\nMAIL",
      "a\r.\rMAIL",
      "a\r\r\n.\r\nMAIL",
      "a\r\n\n.\r\nMAIL",
      "a\n\r.\r\nMAIL",
      "a\n\r\n.\r\nMAIL",
      "a\r\n\r.\r\nMAIL",
      "a\r",
      "a\n",
      "\r",
      "\n",
      "a\r\n\r",
      "a\r\n.\r",
      "a\r\n.\n",
      std::string("\0\r\n.\0\r\n", 7),
      "\xff\r\n",
  };
  for (const std::string& message : messages)
    for (const auto& pieces : all_cuts(message)) {
      INFO(escape_controls(message, 100));
      Listening server{std::string(kHello), std::string(kTakes)};
      InPieces source(pieces);
      const auto report = server.send(source);
      CHECK_FALSE(bare(server.heard));
      if (bare(message)) {
        // Cut off before the first bad octet, without a dot that would make a message of it.
        REQUIRE(!report);
        CHECK(report.error().is(kNeedsBinary));
        CHECK(server.closed);
        CHECK(server.ended);
        const std::string data = server.data();
        std::string_view rest = data;
        message::DotReader dots;
        std::string got;
        while (!rest.empty() && !dots.ended()) got += dots.take(rest);
        CHECK_FALSE(dots.ended());
        CHECK(message.starts_with(got));
      } else {
        REQUIRE(report);
        CHECK(report->recipients.at(0).code == 250);
        const std::string data = server.data();
        std::string_view rest = data;
        message::DotReader dots;
        std::string got;
        while (!rest.empty() && !dots.ended()) got += dots.take(rest);
        CHECK(dots.ended());
        CHECK(rest.empty());
        const bool whole = message.empty() || message.ends_with("\r\n");
        CHECK(got == message + (whole ? "" : "\r\n"));
      }
    }
}

TEST_CASE("RFC 3030 §3: nor by BDAT, but for messages said to be binary, which keep every octet") {
  const std::string message = "a\n.\r\nb\rc\r";
  const std::string hello = "220 hi\r\n250-hi\r\n250-CHUNKING\r\n250 BINARYMIME\r\n";
  const ClientOptions options{.name = "c", .chunking = Chunking::when_possible};
  for (const auto& pieces : all_cuts(message)) {
    std::string replies = "250 ok\r\n250 ok\r\n250 done\r\n";
    for (std::size_t i = 0; i < pieces.size(); ++i)
      if (!pieces[i].empty()) replies += "250 got it\r\n";
    Listening text{hello, replies};
    InPieces source(pieces);
    CHECK(text.send(source, {}, 1, options).error().is(kNeedsBinary));
    CHECK_FALSE(bare(text.heard));
    CHECK(text.heard.find("LAST") == text.heard.npos);
    Listening binary{hello, replies};
    InPieces again(pieces);
    const auto report = binary.send(again, {.binary = true}, 1, options);
    REQUIRE(report);
    CHECK(report->recipients.at(0).code == 250);
    std::string expected;
    for (const auto& piece : pieces)
      if (!piece.empty()) expected += "BDAT " + std::to_string(piece.size()) + "\r\n" + piece;
    CHECK(binary.heard.ends_with(expected + "BDAT 0 LAST\r\n"));
  }
}

TEST_CASE("facts: NUL, bare CR or LF and lines above 998 octets need BINARYMIME") {
  const auto facts = [](std::string_view octets) {
    message::LineScanner seen;
    seen.feed(octets);
    return facts_of(seen, false);
  };
  CHECK_FALSE(facts("text\r\n").binary);
  CHECK_FALSE(facts(std::string(998, 'x') + "\r\n").binary);
  CHECK(facts(std::string(999, 'x') + "\r\n").binary);
  CHECK(facts(std::string(999, 'x')).binary);
  CHECK(facts(std::string_view("\0\r\n", 3)).binary);
  CHECK(facts("a\nb\r\n").binary);
  CHECK(facts("a\rb\r\n").binary);
  CHECK(facts("a\r\n\r").binary);
  CHECK_FALSE(facts("text\r\n").eight_bit);
  CHECK(facts("\x80").eight_bit);
  CHECK(facts("abc").octets == 3);
}

TEST_CASE("a message that needs BINARYMIME is not begun where that, or CHUNKING, is missing") {
  for (const std::string extensions :
       {"250 hi\r\n", "250-hi\r\n250-8BITMIME\r\n250 CHUNKING\r\n", "250-hi\r\n250-8BITMIME\r\n250 BINARYMIME\r\n"}) {
    Listening server{"220 hi\r\n" + extensions, {}};
    MessageInMemory source("\n");
    const auto report = server.send(source, {.octets = 1, .binary = true});
    CHECK(report.error().is(kNeedsBinary));
    CHECK_FALSE(server.closed);
    CHECK(server.heard == "EHLO client.example\r\n");
  }
}

TEST_CASE("a source that fails in the middle: no end is sent, and no command that would become part of the message") {
  for (const Chunking chunking : {Chunking::when_needed, Chunking::when_possible}) {
    Listening server{"220 hi\r\n250-hi\r\n250 CHUNKING\r\n",
                     chunking == Chunking::when_needed ? std::string(kTakes) : "250 ok\r\n250 ok\r\n250 got it\r\n"};
    InPieces source({"one\r\n"}, true);
    const auto report = server.send(source, {}, 1, {.name = "c", .chunking = chunking});
    REQUIRE(!report);
    CHECK(report.error().is(io::kSystem));
    CHECK(server.closed);
    CHECK(server.ended);
    CHECK(server.heard.find("\r\n.\r\n") == std::string::npos);
    CHECK(server.heard.find("LAST") == std::string::npos);
    CHECK(server.heard.find("QUIT") == std::string::npos);
  }
}

TEST_CASE("421 within a large group: whom nobody was asked about gets it too") {
  std::string at_mail = "250 ok\r\n";
  for (int i = 0; i < 50; ++i) at_mail += "250 ok\r\n";
  Listening server{"220 hi\r\n250-hi\r\n250 PIPELINING\r\n", at_mail + "421 enough\r\n"};
  MessageInMemory source("x\r\n");
  const auto report = server.send(source, {}, 250);
  REQUIRE(report);
  CHECK(report->mail.code == 250);
  for (const Reply& reply : report->recipients) CHECK(reply.code == 421);
}

TEST_CASE("RFC 5321 §4.5.3.2.6: LMTP waits ten minutes for a reply that does not come, not for each recipient anew") {
  Listening server{std::string(kHello), "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 first\r\n"};
  MessageInMemory source("x\r\n");
  const auto report = server.send(source, {}, 4, {.name = "c", .dialect = Dialect::lmtp});
  REQUIRE(report);
  CHECK(report->recipients.at(0).code == 250);
  for (std::size_t i = 1; i < 4; ++i) CHECK(report->recipients.at(i).code == 451);
  CHECK(server.took == 10min);
  CHECK(server.closed);
}

/// What becomes of the greeting.
const ErrorKind* greeted_with(const std::string& greeting, Duration between_octets = Duration(0)) {
  io::SimulatedLoop loop;
  const auto ends = wire::memory_connections({.capacity = 1 << 20});
  auto server = [&]() -> io::Task<> {
    if (between_octets.count() == 0) {
      (void)co_await io::write_all(*ends.server, greeting);
      co_return;
    }
    for (std::size_t i = 0;; ++i) {
      if (!co_await io::write_all(*ends.server, greeting.substr(i % greeting.size(), 1))) co_return;
      co_await loop.sleep_for(between_octets);
    }
  };
  loop.spawn(server());
  auto session = [&]() -> io::Task<Result<>> {
    Client client(*ends.client, {.name = "c"});
    auto result = co_await client.open();
    CHECK(client.closed());
    co_await client.quit();
    co_return result;
  };
  const auto result = test::sync_wait(loop, session());
  loop.destroy_tasks();
  return result ? nullptr : &result.error().kind();
}

TEST_CASE("endless lines and endless replies have their limits") {
  CHECK(greeted_with("220 " + std::string(kReplyLineMax - 3, 'x')) == &kReplyTooLong);
  CHECK(greeted_with("421 " + std::string(kReplyLineMax - 4, 'x') + "\r\n") == &kRefusedNow);
  std::string lines;
  for (std::size_t i = 0; i < kReplyLinesMax; ++i) lines += "421-\r\n";
  CHECK(greeted_with(lines + "421 \r\n") == &kReplyTooLong);
  CHECK(greeted_with(lines.substr(6) + "421 \r\n") == &kRefusedNow);
  std::string octets;
  while (octets.size() < kReplyOctetsMax) octets += "220-" + std::string(1000, 'x') + "\r\n";
  CHECK(greeted_with(octets + octets) == &kReplyTooLong);
}

TEST_CASE("RFC 5321 §4.5.3.2.1: a reply has its time as a whole, however its octets trickle in") {
  CHECK(greeted_with("2", 10s) == &kTimedOut);
  CHECK(greeted_with("220-x\r\n", 10s) == &kTimedOut);
}

}  // namespace
}  // namespace angarium::protocol::smtp
