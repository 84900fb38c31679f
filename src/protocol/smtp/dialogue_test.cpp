// The client against servers of all kinds, as text: dialogue/*.txt.
//
//   -- a comment
//   OPTIONS lmtp chunking          how the client is made
//   FROM <a@b.example> RET=FULL    of the sends that follow; this path without parameters before the first
//   TO <x@y.example> NOTIFY=NEVER  a recipient of the next send
//   FACTS eight-bit utf8-header binary octets=100      of the next send; octets: as the message has, if not said
//   MESSAGE text\r\n               of the sends that follow; \r \n \xHH; "x\r\n" before the first
//   TRY open = ok                  what the client does and how it must end, in order: open, tls, reset, quit,
//   TRY send = 250: 250 550        pause (for a minute), send (codes of MAIL and of each recipient), command LINE,
//   TRY send = smtp.unanswered     closed and dsn (yes or no), known (as send); an error by its name
//   S: 220 hi                      what the server says; S-raw: with escapes, without CRLF
//   C: EHLO client.example         what it must hear then; C-raw: so many octets, without regard to lines
//   TIME +10min                    the server keeps silent
//   SILENCE                        the client must have said nothing more
//   TLS                            the server does its part of the handshake
//   CLOSE, EOF                     the server closes; the client must have closed
//   ACCEPTED                       before the server's line that makes the message its own
//
// Each is played with what the server says in one piece, octet by octet, and cut at every octet; and broken off after
// every octet, when nothing may count as accepted that was not.
#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "io/memory.h"
#include "protocol/smtp/client.h"
#include "support/run.h"
#include "support/session_script.h"
#include "support/test.h"

namespace angarium::protocol::smtp {
namespace {

using Step = test::Step;

struct Action {
  std::string what;
  std::string argument;
  std::string expected;
  envelope::Envelope envelope;
  MessageFacts facts;
  std::string message;
};

struct Dialogue {
  ClientOptions options{.name = "client.example"};
  std::vector<Action> actions;
  std::vector<Step> steps;             ///< the server's: `send` is what it says
  std::size_t accepted_at = SIZE_MAX;  ///< the octet of what it says from which on success may be told
  std::size_t said = 0;                ///< octets it says in all
};

class Reader {
 public:
  Dialogue read(std::string_view text) {
    for (std::size_t number = 1; !text.empty(); ++number) {
      const std::string_view line = take_until(text, '\n');
      if (trim(line).empty() || line.starts_with("--")) continue;
      REQUIRE_MESSAGE(read_line(line), "line ", number, ": ", std::string(line));
    }
    return std::move(dialogue_);
  }

 private:
  bool read_line(std::string_view line) {
    std::string_view rest = line;
    const std::string_view word = take_until(rest, ' ');
    if (word == "OPTIONS") {
      if (rest.find("lmtp") != rest.npos) dialogue_.options.dialect = Dialect::lmtp;
      if (rest.find("chunking") != rest.npos) dialogue_.options.chunking = Chunking::when_possible;
      return true;
    }
    if (word == "FROM") return keep(envelope::parse_sender(rest, {.utf8 = envelope::Utf8::accept}), sender_);
    if (word == "TO") {
      envelope::Recipient recipient;
      if (!keep(envelope::parse_recipient(rest, {.utf8 = envelope::Utf8::accept}), recipient)) return false;
      recipients_.push_back(std::move(recipient));
      return true;
    }
    if (word == "FACTS") return read_facts(rest);
    if (word == "MESSAGE") {
      message_ = step("C-raw: " + std::string(rest)).text;
      return true;
    }
    if (word == "TRY") return read_action(rest);
    if (line == "ACCEPTED") {
      accepted_next_ = true;
      return true;
    }
    return read_step(line);
  }

  template <class T>
  static bool keep(Result<T> from, T& to) {
    if (from) to = *std::move(from);
    return from.has_value();
  }

  bool read_facts(std::string_view text) {
    while (!text.empty()) {
      std::string_view fact = take_until(text, ' ');
      if (fact == "eight-bit") facts_.eight_bit = true;
      if (fact == "utf8-header") facts_.utf8_header = true;
      if (fact == "binary") facts_.binary = true;
      if (take_until(fact, '=') == "octets") octets_ = parse_number<std::uint64_t>(fact);
    }
    return true;
  }

  bool read_action(std::string_view text) {
    const auto end = text.rfind(" = ");
    if (end == text.npos) return false;
    Action action{.expected = std::string(text.substr(end + 3))};
    text = text.substr(0, end);
    action.what = take_until(text, ' ');
    action.argument = text;
    if (action.what == "send") {
      action.envelope = {sender_, std::exchange(recipients_, {})};
      action.message = message_;
      action.facts = std::exchange(facts_, {});
      action.facts.octets = std::exchange(octets_, std::nullopt).value_or(message_.size());
    }
    dialogue_.actions.push_back(std::move(action));
    return true;
  }

  /// As in session scripts, but here the letters are the other way round: S is what is sent.
  bool read_step(std::string_view line) {
    std::string swapped(line);
    if (line.starts_with("S:") || line.starts_with("S-raw:")) {
      swapped[0] = 'C';
    } else if (line.starts_with("C:")) {
      swapped[0] = 'S';
    }
    Step read = step(swapped);
    if (line.starts_with("C-raw:")) read.kind = Step::Kind::expect_any_order;  // octets, not a line
    if (read.kind == Step::Kind::send) {
      dialogue_.said += read.text.size();
      if (accepted_next_) dialogue_.accepted_at = std::min(dialogue_.accepted_at, dialogue_.said);
      accepted_next_ = false;
    }
    dialogue_.steps.push_back(std::move(read));
    return true;
  }

  static Step step(const std::string& line) {
    auto script = test::read_script(line);
    REQUIRE_MESSAGE(script, line);
    return std::move(script->steps.at(0));
  }

  Dialogue dialogue_;
  envelope::Sender sender_{envelope::parse_reverse_path("<a@b.example>").value(), {}};
  std::vector<envelope::Recipient> recipients_;
  MessageFacts facts_;
  std::optional<std::uint64_t> octets_;
  std::string message_ = "x\r\n";
  bool accepted_next_ = false;
};

struct Cutting {
  std::size_t at = SIZE_MAX;  ///< the server pauses after so many octets
  bool octets = false;        ///< and after each one
  std::size_t drop_after = SIZE_MAX;
  std::size_t capacity = 256 * 1024;
};

/// One run of a dialogue.
class Play {
 public:
  Play(const Dialogue& dialogue, Cutting cutting) : dialogue_(dialogue), cutting_(cutting) {}
  ~Play() { loop_.destroy_tasks(); }

  /// How each action ended.
  std::vector<std::string> run() {
    loop_.spawn(serve());
    return test::sync_wait(loop_, act());
  }
  /// What the server missed.
  [[nodiscard]] const std::string& missed() const { return missed_; }
  [[nodiscard]] bool played_to_the_end() const { return done_; }

 private:
  io::Task<std::vector<std::string>> act() {
    std::vector<std::string> ends;
    Client client(*ends_.client, dialogue_.options);
    for (const Action& action : dialogue_.actions) ends.push_back(co_await act(client, action));
    ends_.client->close();
    for (int i = 0; i < 20 && !done_; ++i) co_await loop_.sleep_for(std::chrono::minutes(1));
    co_return ends;
  }

  static std::string end_of(const Result<>& result) { return result ? "ok" : std::string(result.error().kind().name); }

  io::Task<std::string> act(Client& client, const Action& action) {
    if (action.what == "open") co_return end_of(co_await client.open());
    if (action.what == "tls") co_return end_of(co_await client.start_tls());
    if (action.what == "reset") co_return end_of(co_await client.reset());
    if (action.what == "closed") co_return client.closed() ? "yes" : "no";
    if (action.what == "known") co_return codes_of(client.known());
    if (action.what == "dsn") co_return dsn_ ? "yes" : "no";
    if (action.what == "pause") {
      co_await loop_.sleep_for(std::chrono::minutes(1));
      co_return "ok";
    }
    if (action.what == "quit") {
      co_await client.quit();
      co_return "ok";
    }
    if (action.what == "command") {
      const auto reply = co_await client.command(action.argument);
      co_return reply ? std::to_string(reply->code) : std::string(reply.error().kind().name);
    }
    MessageInMemory source(action.message);
    const auto report = co_await client.send(action.envelope, action.facts, source);
    if (!report) co_return std::string(report.error().kind().name);
    dsn_ = report->dsn;
    co_return codes_of(*report);
  }

  static std::string codes_of(const SendReport& report) {
    std::string codes = std::to_string(report.mail.code) + ":";
    for (const Reply& reply : report.recipients) codes += " " + std::to_string(reply.code);
    return codes;
  }

  io::Task<> serve() {
    for (const Step& step : dialogue_.steps)
      if (!co_await take(step)) break;
    ends_.server->close();
    done_ = true;
  }

  io::Task<bool> take(const Step& step) {
    switch (step.kind) {
      case Step::Kind::send: co_return co_await say(step.text);
      case Step::Kind::expect: co_return co_await hear(step.text);
      case Step::Kind::expect_any_order: co_return co_await hear_octets(step.text);
      case Step::Kind::time: co_await loop_.sleep_for(step.time); co_return true;
      case Step::Kind::tls: co_return (co_await ends_.server->start_tls(input_)).has_value();
      case Step::Kind::close: co_return false;
      case Step::Kind::eof: co_return co_await hear_end();
      case Step::Kind::silence:
        for (int i = 0; i < 10; ++i) co_await loop_.yield();
        (void)input_.fill(*ends_.server);
        if (!input_.empty()) miss("silence", input_.view());
        co_return true;
    }
    co_return false;
  }

  io::Task<bool> say(std::string_view text) {
    while (!text.empty()) {
      if (said_ == cutting_.drop_after) co_return false;
      std::size_t count = std::min(text.size(), cutting_.drop_after - said_);
      if (cutting_.octets) count = 1;
      if (said_ < cutting_.at) count = std::min(count, cutting_.at - said_);
      if (!co_await io::write_all(*ends_.server, text.substr(0, count))) co_return false;
      said_ += count;
      text.remove_prefix(count);
      if (said_ == cutting_.at || cutting_.octets)
        for (int i = 0; i < 5; ++i) co_await loop_.yield();
    }
    co_return said_ != cutting_.drop_after;
  }

  io::Task<bool> hear(std::string_view expected) {
    for (;;) {
      auto line = input_.take_line(60'000);
      if (!line) co_return miss(expected, "an endless line");
      if (*line) {
        if ((*line)->text == expected && (*line)->strict()) co_return true;
        co_return miss(expected, (*line)->text);
      }
      if (!co_await input_.more(*ends_.server)) co_return miss(expected, "the end after " + std::string(input_.view()));
    }
  }

  io::Task<bool> hear_octets(std::string_view expected) {
    while (input_.size() < expected.size())
      if (!co_await input_.more(*ends_.server)) co_return miss(expected, input_.view());
    if (!input_.view().starts_with(expected)) co_return miss(expected, input_.view());
    input_.consume(expected.size());
    co_return true;
  }

  io::Task<bool> hear_end() {
    while (co_await input_.more(*ends_.server)) {
    }
    if (!input_.empty()) co_return miss("the end", input_.view());
    co_return true;
  }

  bool miss(std::string_view expected, std::string_view heard) {
    if (missed_.empty())
      missed_ = "expected " + escape_controls(expected, 200) + ", heard " + escape_controls(heard, 200);
    return false;
  }

  const Dialogue& dialogue_;
  Cutting cutting_;
  io::SimulatedLoop loop_;
  wire::MemoryConnections ends_ = wire::memory_connections({.capacity = cutting_.capacity});
  wire::Input input_;
  std::size_t said_ = 0;
  bool done_ = false;
  bool dsn_ = false;  ///< of the last report
  std::string missed_;
};

void check_played(const Dialogue& dialogue, Cutting cutting, const std::string& how) {
  INFO(how);
  Play play(dialogue, cutting);
  const auto ends = play.run();
  CHECK(play.missed() == "");
  CHECK(play.played_to_the_end());
  for (std::size_t i = 0; i < ends.size(); ++i)
    CHECK_MESSAGE(ends[i] == dialogue.actions[i].expected, dialogue.actions[i].what, " #", i);
}

bool tells_success(std::string_view end) {
  take_until(end, ':');
  return end.find(" 2") != end.npos;
}

/// The connection ends behind so many octets: everything ends, and nothing counts as accepted that was not.
void check_dropped(const Dialogue& dialogue, std::size_t after) {
  INFO("dropped after ", after);
  Play play(dialogue, {.drop_after = after});
  const auto ends = play.run();
  for (std::size_t i = 0; i < ends.size(); ++i)
    if (after < dialogue.accepted_at) CHECK_FALSE(tells_success(ends[i]));
}

TEST_CASE("the client and servers of all kinds") {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(test::room_path("dialogue")))
    paths.push_back(entry.path().string());
  std::ranges::sort(paths);
  CHECK(paths.size() > 40);
  for (const std::string& path : paths) {
    INFO(path);
    const Dialogue dialogue = Reader().read(test::read_file(path));
    check_played(dialogue, {}, "whole");
    check_played(dialogue, {.octets = true}, "octet by octet");
    check_played(dialogue, {.capacity = 1}, "through a pipe of one octet");
    for (std::size_t at = 1; at < dialogue.said; ++at)
      check_played(dialogue, {.at = at}, "cut at " + std::to_string(at));
    for (std::size_t after = 0; after < dialogue.said; ++after) check_dropped(dialogue, after);
  }
}

}  // namespace
}  // namespace angarium::protocol::smtp
