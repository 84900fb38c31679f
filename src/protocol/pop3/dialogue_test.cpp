// The client against servers of all kinds, as text: dialogue/*.txt.
//
//   -- a comment
//   OPTIONS plaintext              passwords may cross without TLS
//   TRY greeting = ok              what the client does and how it must end, in order: greeting, capa (keywords), tls,
//   TRY retr 1 2 = 1<a\x0d\x0a>     login USER PASSWORD, stat, list, uidl, retr NUMBERS, top NUMBER, dele NUMBERS,
//   quit;
//                                  an error by its name
//   and what the server says and must hear, as in tests/support/dialogue.h
//
// Each is played with what the server says in one piece, octet by octet, and cut at every octet; and broken off after
// every octet, when everything ends as it must or by an error, and no message is half there.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/text.h"
#include "protocol/pop3/client.h"
#include "support/dialogue.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::protocol::pop3 {
namespace {

struct Action {
  std::string what;
  std::string argument;
  std::string expected;
};

struct Dialogue {
  ClientOptions options;
  std::vector<Action> actions;
  std::vector<test::Step> steps;
  std::size_t said = 0;
};

Dialogue read_dialogue(std::string_view text) {
  Dialogue dialogue;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = take_until(text, '\n');
    if (trim(line).empty() || line.starts_with("--")) continue;
    std::string_view rest = line;
    const std::string_view word = take_until(rest, ' ');
    if (word == "OPTIONS") {
      dialogue.options.plaintext_without_tls = sasl::Plaintext::allowed;
    } else if (word == "TRY") {
      const auto end = rest.rfind(" = ");
      REQUIRE_MESSAGE(end != rest.npos, "line ", number);
      auto before = rest.substr(0, end);
      Action action{.what = {}, .argument = {}, .expected = std::string(rest.substr(end + 3))};
      action.what = take_until(before, ' ');
      action.argument = before;
      dialogue.actions.push_back(std::move(action));
    } else {
      auto step = test::dialogue_step(line);
      REQUIRE_MESSAGE(step, "line ", number, ": ", std::string(line));
      if (step->kind == test::Step::Kind::send) dialogue.said += step->text.size();
      dialogue.steps.push_back(*std::move(step));
    }
  }
  return dialogue;
}

/// Messages as text: "1<octets>", "2!pop3.refused". One that does not end has no ">".
struct Collected final : MessageSink {
  std::string text;
  Result<> begin(Number number) override {
    text += (text.empty() ? "" : " ") + std::to_string(number) + "<";
    return {};
  }
  io::ValueOrTask<Result<>> append(std::string_view octets) override {
    text += escape_controls(octets);
    return Result<>{};
  }
  io::ValueOrTask<Result<>> end(Number) override {
    text += ">";
    return Result<>{};
  }
  Result<> refused(Number number, const Error& error) override {
    text += (text.empty() ? "" : " ") + std::to_string(number) + "!" + std::string(error.kind().name);
    return {};
  }
};

template <class T>
std::string name_of(const Result<T>& result) {
  return std::string(result.error().kind().name);
}

std::string end_of(const Result<>& result) { return result ? "ok" : name_of(result); }

std::vector<Number> numbers_in(std::string_view text) {
  std::vector<Number> numbers;
  while (!text.empty()) numbers.push_back(parse_number<Number>(take_until(text, ' ')).value());
  return numbers;
}

class Play {
 public:
  Play(const Dialogue& dialogue, test::Cutting cutting) : dialogue_(dialogue), server_(dialogue.steps, cutting) {}
  ~Play() { loop_.destroy_tasks(); }

  /// How each action ended.
  std::vector<std::string> run() {
    loop_.spawn(server_.serve());
    return test::sync_wait(loop_, act());
  }
  [[nodiscard]] const test::ScriptedServer& server() const { return server_; }

 private:
  io::Task<std::vector<std::string>> act() {
    std::vector<std::string> ends;
    Client client(server_.client_end(), dialogue_.options);
    for (const Action& action : dialogue_.actions) ends.push_back(co_await act(client, action));
    server_.client_end().close();
    for (int i = 0; i < 60 && !server_.done(); ++i) co_await loop_.sleep_for(std::chrono::minutes(1));
    co_return ends;
  }

  static io::Task<std::string> act(Client& client, const Action& action) {
    const std::string& what = action.what;
    std::string_view argument = action.argument;
    if (what == "greeting") co_return end_of(co_await client.greeting());
    if (what == "tls") co_return end_of(co_await client.stls());
    if (what == "quit") co_return end_of(co_await client.quit());
    if (what == "login") {
      Credentials credentials;
      credentials.identity.authentication_id = take_until(argument, ' ');
      credentials.password = sasl::Secret::copy(argument);
      co_return end_of(co_await client.login(std::move(credentials)));
    }
    if (what == "capa") {
      const auto asked = co_await client.capa();
      if (!asked) co_return name_of(asked);
      std::string text;
      for (const auto& one : client.capabilities()) text += (text.empty() ? "" : " ") + one.keyword;
      co_return text;
    }
    co_return co_await act_on_messages(client, what, action.argument);
  }

  static io::Task<std::string> act_on_messages(Client& client, const std::string& what, const std::string& argument) {
    std::string text;
    if (what == "stat") {
      const auto told = co_await client.stat();
      co_return told ? std::to_string(told->messages) + " " + std::to_string(told->octets) : name_of(told);
    }
    if (what == "list") {
      const auto listed = co_await client.list();
      if (!listed) co_return name_of(listed);
      for (const auto& one : *listed)
        text += (text.empty() ? "" : " ") + std::to_string(one.number) + ":" + std::to_string(one.octets);
      co_return text;
    }
    if (what == "uidl") {
      const auto listed = co_await client.uidl();
      if (!listed) co_return name_of(listed);
      for (const auto& one : *listed) text += (text.empty() ? "" : " ") + std::to_string(one.number) + ":" + one.id;
      co_return text;
    }
    const auto numbers = numbers_in(argument);
    if (what == "dele") co_return end_of(co_await client.dele(numbers));
    Collected sink;
    const auto outcome =
        what == "top" ? co_await client.top(numbers.at(0), 0, sink) : co_await client.retr(numbers, sink);
    co_return outcome ? sink.text : name_of(outcome);
  }

  const Dialogue& dialogue_;
  io::SimulatedLoop loop_;
  test::ScriptedServer server_;
};

void check_played(const Dialogue& dialogue, test::Cutting cutting, const std::string& how) {
  INFO(how);
  Play play(dialogue, cutting);
  const auto ends = play.run();
  CHECK(play.server().missed() == "");
  CHECK(play.server().done());
  for (std::size_t i = 0; i < ends.size(); ++i)
    CHECK_MESSAGE(ends[i] == dialogue.actions[i].expected, dialogue.actions[i].what, " #", i);
}

bool is_error(std::string_view end) {
  return std::ranges::any_of(std::vector{"pop3.", "io.", "base.", "wire.", "sasl."},
                             [&](const char* room) { return end.starts_with(room); });
}

void check_dropped(const Dialogue& dialogue, std::size_t after) {
  INFO("dropped after ", after);
  Play play(dialogue, {.drop_after = after});
  const auto ends = play.run();
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const Action& action = dialogue.actions[i];
    if (ends[i] == action.expected) continue;
    CHECK_MESSAGE(is_error(ends[i]), action.what, " #", i, ": ", ends[i]);
    break;
  }
}

TEST_CASE("the client and servers of all kinds") {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(test::room_path("dialogue")))
    paths.push_back(entry.path().string());
  std::ranges::sort(paths);
  CHECK(paths.size() >= 20);
  for (const std::string& path : paths) {
    INFO(path);
    const Dialogue dialogue = read_dialogue(test::read_file(path));
    check_played(dialogue, {}, "whole");
    check_played(dialogue, {.octets = true}, "octet by octet");
    check_played(dialogue, {.capacity = 1}, "through a pipe of one octet");
    for (std::size_t at = 1; at < dialogue.said; ++at)
      check_played(dialogue, {.at = at}, "cut at " + std::to_string(at));
    for (std::size_t after = 0; after < dialogue.said; ++after) check_dropped(dialogue, after);
  }
}

}  // namespace
}  // namespace angarium::protocol::pop3
