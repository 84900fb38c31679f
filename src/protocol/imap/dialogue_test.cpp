// The client against servers of all kinds, as text: dialogue/*.txt.
//
//   -- a comment
//   OPTIONS stream=4               literals of FETCH from this size on go to the sink
//   TRY greet = ok                 what the client does and how it must end, in order: greet (ok, preauth), tls,
//   TRY select a b = exists=3      login USER PASSWORD (login-safe: no password in the clear), capabilities, list
//   PATTERN, TRY fetch 1:* (UID) = …        status NAME / ITEMS, select NAME, examine NAME, fetch SET ITEMS, search
//   KEYS, store SET CHANGE, TRY copy 1 a b = imap.…        copy and move SET NAME, uid-expunge SET, append NAME / TEXT,
//   append-all NAME TEXT…, create NAME USE, subscribe NAME,
//   enable NAMES, idle,
//                                  command LINE, logout; an error by its name
//   and what the server says and must hear, as in tests/support/dialogue.h
//
// Each is played with what the server says in one piece, octet by octet, and cut at every octet; and broken off after
// every octet, when everything ends as it must or by an error, and nothing is half there.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/text.h"
#include "protocol/imap/client.h"
#include "support/dialogue.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::protocol::imap {
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
      take_until(rest, '=');
      dialogue.options.stream_from = parse_number<std::uint64_t>(rest).value();
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

/// What comes through the sink, and whether it came whole.
struct Collected final : ContentSink {
  std::string octets;
  std::uint64_t announced = 0;
  bool whole = true;
  Result<void> begin(std::string_view, std::uint64_t size) override {
    announced = octets.size() + size;
    whole = false;
    return {};
  }
  io::ValueOrTask<Result<void>> append(std::string_view piece) override {
    octets += piece;
    return Result<void>{};
  }
  io::ValueOrTask<Result<void>> end() override {
    whole = octets.size() == announced;
    octets += "~";
    return Result<void>{};
  }
};

template <class T>
std::string name_of(const Result<T>& result) {
  return std::string(result.error().kind().name);
}

template <class T>
std::string end_of(const Result<T>& result) {
  return result ? "ok" : name_of(result);
}

std::string text_of(const Result<std::vector<ListResponse>>& rows) {
  if (!rows) return name_of(rows);
  std::string text = std::to_string(rows->size()) + ":";
  for (const auto& row : *rows) {
    text += " <" + row.name + ">";
    for (std::size_t bit = 0; bit < std::size(kNameAttributes); ++bit)
      if (row.attributes & (1U << bit)) text += kNameAttributes[bit];
    if (row.delimiter) text += *row.delimiter;
  }
  return text;
}

std::string text_of(const Result<SelectResult>& result) {
  if (!result) return name_of(result);
  std::string text = "exists=" + std::to_string(result->exists) + " validity=" + std::to_string(result->uid_validity) +
                     " next=" + std::to_string(result->uid_next);
  if (result->read_only) text += " read-only";
  if (result->uids_not_sticky) text += " not-sticky";
  return text;
}

std::string text_of(const FetchResponse& fetch) {
  std::string text = " [" + (fetch.uid ? std::to_string(*fetch.uid) : std::string("?"));
  if (fetch.size) text += " size=" + std::to_string(*fetch.size);
  if (fetch.flags) text += " flags=" + std::to_string(fetch.flags->system);
  if (fetch.flags)
    for (const auto& keyword : fetch.flags->keywords) text += "," + keyword;
  if (fetch.internal_date) text += " date=" + std::to_string(fetch.internal_date->seconds());
  for (const auto& content : fetch.contents)
    text += " " + content.label + "=" + escape_controls(content.octets.value_or("NIL"));
  return text + "]";
}

std::string text_of(const Result<std::optional<UidCode>>& code) {
  if (!code) return name_of(code);
  if (!*code) return "ok";
  return std::to_string((*code)->uid_validity) + " " + (*code)->first.text() + " " + (*code)->second.text();
}

sasl::ClientContext credentials(std::string_view argument) {
  sasl::ClientContext context;
  context.identity.authentication_id = take_until(argument, ' ');
  context.password = sasl::Secret::copy(argument);
  return context;
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

  io::Task<std::string> act(Client& client, const Action& action) {
    const std::string& what = action.what;
    if (what == "greet") {
      const auto preauthenticated = co_await client.greet();
      co_return !preauthenticated ? name_of(preauthenticated) : *preauthenticated ? "preauth" : "ok";
    }
    if (what == "tls") co_return end_of(co_await client.start_tls());
    if (what == "login" || what == "login-safe")
      co_return end_of(co_await client.log_in(credentials(action.argument),
                                              what == "login" ? sasl::Plaintext::allowed : sasl::Plaintext::refused));
    if (what == "capabilities") {
      const auto told = co_await client.capabilities();
      if (!told) co_return name_of(told);
      std::string names;
      for (const auto& name : (*told)->names) names += (names.empty() ? "" : " ") + name;
      co_return names;
    }
    if (what == "enable") co_return end_of(co_await client.enable(action.argument));
    if (what == "command") co_return end_of(co_await client.command(action.argument));
    if (what == "logout") co_return end_of(co_await client.logout());
    co_return co_await act_on_mailbox(client, what, action.argument);
  }

  static io::Task<std::string> act_on_mailbox(Client& client, const std::string& what, std::string argument) {
    if (what == "list") co_return text_of(co_await client.list("", argument));
    if (what == "select") co_return text_of(co_await client.select(argument, Access::read_write));
    if (what == "examine") co_return text_of(co_await client.select(argument, Access::read_only));
    if (what == "create") {
      std::string_view use = argument;
      const std::string name(take_until(use, ' '));
      co_return end_of(co_await client.create(name, std::string(use)));
    }
    if (what == "subscribe") co_return end_of(co_await client.subscribe(argument));
    if (what == "append-all") co_return co_await append_all(client, argument);
    if (what == "uid-expunge") co_return end_of(co_await client.uid_expunge(argument));
    if (what == "idle") co_return co_await idle(client);
    if (what == "search") {
      const auto found = co_await client.uid_search(argument);
      co_return found ? found->text() : name_of(found);
    }
    std::string_view rest = argument;
    const std::string first(take_until(rest, ' '));
    const std::string second(rest);
    if (what == "fetch") co_return co_await fetch(client, first, second);
    if (what == "store") co_return end_of(co_await client.uid_store(first, second));
    if (what == "copy") co_return text_of(co_await client.uid_copy(first, second, CopyMode::copy));
    if (what == "move") co_return text_of(co_await client.uid_copy(first, second, CopyMode::move));
    if (what == "append")
      co_return text_of(
          co_await client.append(first, {.system = kSeen, .keywords = {}}, WallTime::from_seconds(0), second + "\r\n"));
    if (what != "status") co_return "no such action";
    const auto told = co_await client.status(first, second);
    if (!told) co_return name_of(told);
    std::string text;
    for (const auto& [item, value] : told->items)
      text += (text.empty() ? "" : " ") + item + "=" + std::to_string(value);
    co_return text;
  }

  /// Each word is a letter; "0" in one is an octet of zero.
  static io::Task<std::string> append_all(Client& client, std::string_view argument) {
    struct Words final : ContentSource {
      std::string text;
      io::ValueOrTask<Result<std::string_view>> next() override {
        const std::string_view now = at_++ == 0 ? std::string_view(text) : std::string_view();
        return Result<std::string_view>(now);
      }

     private:
      int at_ = 0;
    };
    const std::string name(take_until(argument, ' '));
    std::vector<std::unique_ptr<Words>> texts;
    std::vector<Letter> letters;
    while (!argument.empty()) {
      auto& words = *texts.emplace_back(std::make_unique<Words>());
      words.text = take_until(argument, ' ');
      const bool nul = words.text.find('0') != std::string::npos;
      letters.push_back({.flags = {.system = kSeen, .keywords = {"k"}},
                         .date = WallTime::from_seconds(0),
                         .zone_minutes = 60,
                         .facts = {.octets = words.text.size(), .nul = nul},
                         .content = &words});
    }
    co_return text_of(co_await client.append(name, std::move(letters)));
  }

  static io::Task<std::string> fetch(Client& client, const std::string& set, const std::string& items) {
    Collected sink;
    std::string text;
    const auto outcome = co_await client.uid_fetch(
        set, items,
        [&](const Response& response) {
          if (const auto* one = std::get_if<FetchResponse>(&response)) text += text_of(*one);
        },
        &sink);
    if (!outcome) co_return name_of(outcome);
    CHECK(sink.whole);
    co_return trim(text + (sink.octets.empty() ? "" : " sink=" + escape_controls(sink.octets)));
  }

  static io::Task<std::string> idle(Client& client) {
    io::Event stop;
    std::string text;
    const auto outcome = co_await client.idle(
        [&](const Response& response) {
          const auto* number = std::get_if<NumberResponse>(&response);
          if (number != nullptr) text += " " + std::to_string(number->number);
          return number != nullptr && number->kind == NumberResponse::Kind::exists;
        },
        stop);
    co_return end_of(outcome) + text;
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
  return std::ranges::any_of(std::vector{"imap.", "io.", "base.", "wire.", "sasl."},
                             [&](const char* room) { return end.starts_with(room); });
}

void check_dropped(const Dialogue& dialogue, std::size_t after) {
  INFO("dropped after ", after);
  Play play(dialogue, {.drop_after = after});
  const auto ends = play.run();
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const Action& action = dialogue.actions[i];
    if (ends[i] == action.expected || action.what == "logout") continue;
    // The first that ends otherwise ends by the loss; nothing is asked of the connection after that.
    CHECK_MESSAGE(is_error(ends[i]), action.what, " #", i, ": ", ends[i]);
    break;
  }
}

TEST_CASE("the client and servers of all kinds") {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(test::room_path("dialogue")))
    paths.push_back(entry.path().string());
  std::ranges::sort(paths);
  CHECK(paths.size() >= 30);
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
}  // namespace angarium::protocol::imap
