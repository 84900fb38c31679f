// Only for this room's tests: an account at servers that follow scripts, and what a command did with it.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "mua/far_client.h"
#include "mua/testing.h"
#include "support/dialogue.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::mua::testing {

using Job = std::function<io::Task<Result<>>(FarClient&)>;

inline MailAccount anna(MailHost::Protocol protocol = MailHost::Protocol::imap,
                        MailHost::Tls tls = MailHost::Tls::none) {
  MailAccount account{
      .name = "test",
      .address = "anna@example.test",
      .full_name = "Anna",
      .box = MailHost{.protocol = protocol, .tls = tls, .host = "box.test", .port = 1143},
      .smtp = MailHost{.protocol = MailHost::Protocol::smtp, .tls = tls, .host = "out.test", .port = 1587},
      .user = "anna",
      .smtp_user = {},
      .password = {},
      .password_file = {},
      .password_command = {},
      .key = {},
      .sent = {}};
  account.smtp_login = false;
  return account;
}

using Steps = std::vector<test::Step>;

inline Steps steps_of(std::string_view text) {
  Steps steps;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = take_until(rest, '\n');
    if (!line.empty()) steps.push_back(test::dialogue_step(line).value());
  }
  return steps;
}

inline std::size_t said_in(const Steps& steps) {
  std::size_t said = 0;
  for (const test::Step& step : steps)
    if (step.kind == test::Step::Kind::send) said += step.text.size();
  return said;
}

/// What came of a command.
struct Outcome {
  Result<> done;
  std::string seen;    ///< printed and complained
  std::string dead;    ///< dead.letter
  std::string sent;    ///< sent.letter
  std::string unsent;  ///< kept while the server for sending is dialled
  bool left = false;   ///< it is still kept afterwards
  std::string missed;  ///< what a server did not hear as it should
  std::size_t dialled = 0;
};

/// Runs the command against servers that are dialled one after the other; `cut` says how what each says is cut.
class Play {
 public:
  Play(const std::vector<Steps>& scripts, const std::vector<test::Cutting>& cuts) {
    for (std::size_t i = 0; i < scripts.size(); ++i)
      servers_.emplace_back(scripts[i], i < cuts.size() ? cuts[i] : test::Cutting{});
  }
  ~Play() { loop_.destroy_tasks(); }

  Outcome run(const MailAccount& account, const Job& job, const std::string& input = "Hello\n", bool sits = false) {
    Home home;
    home_ = home.path();
    Typed terminal(input, sits);
    Surroundings here = home.surroundings(terminal);
    here.editor = "";
    FarTerms terms{.account = account,
                   .dial = [this](MailHost host) { return dial(std::move(host)); },
                   .password = [] { return Result<sasl::Secret>(sasl::Secret::copy("secret")); }};
    FarClient client(here, std::move(terms), Output::text);
    Outcome outcome;
    outcome.done = test::sync_wait(loop_, job(client));
    outcome.seen = terminal.seen;
    for (std::size_t at = 0; (at = outcome.seen.find(home.path(), at)) != std::string::npos;)
      outcome.seen.replace(at, home.path().size(), "HOME");
    outcome.dead = home.get("dead.letter");
    outcome.sent = home.get("sent.letter");
    outcome.dialled = dialled_;
    outcome.unsent = unsent_;
    outcome.left = !unsent_in_home().empty();
    for (std::size_t i = 0; i < dialled_; ++i) outcome.missed += servers_[i].missed();
    return outcome;
  }

 private:
  io::Task<Result<Reached>> dial(MailHost host) {
    if (host.protocol == MailHost::Protocol::smtp) unsent_ = unsent_in_home();
    if (dialled_ == servers_.size()) co_return fail(io::kRefused, "nobody is there");
    test::ScriptedServer& server = servers_[dialled_++];
    io::Loop::current().spawn(server.serve());
    co_return Reached{.connection = server.take_client_end(), .by = std::move(host)};
  }

  [[nodiscard]] std::string unsent_in_home() const {
    for (const auto& entry : std::filesystem::directory_iterator(home_)) {
      if (!entry.path().filename().string().starts_with("unsent-")) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }
    return "";
  }

  std::string home_;
  std::string unsent_;
  io::SimulatedLoop loop_;
  std::deque<test::ScriptedServer> servers_;
  std::size_t dialled_ = 0;
};

/// Plays the scripts in one piece, octet by octet, and cut at every octet of each server: `whole` is to hold of each.
/// Then broken off after every octet: `broken` is to hold, whatever was heard.
inline void play_all_ways(const std::vector<std::string>& texts, const MailAccount& account, const Job& job,
                          const std::function<void(const Outcome&)>& whole,
                          const std::function<void(const Outcome&)>& broken) {
  std::vector<Steps> scripts;
  for (const std::string& text : texts) scripts.push_back(steps_of(text));
  const auto once = [&](const std::vector<test::Cutting>& cuts) { return Play(scripts, cuts).run(account, job); };
  const Outcome first = once({});
  REQUIRE(first.missed == "");
  CHECK(first.dialled == scripts.size());
  whole(first);
  whole(once(std::vector<test::Cutting>(scripts.size(), {.octets = true})));
  for (std::size_t i = 0; i < scripts.size(); ++i)
    for (std::size_t at = 0; at < said_in(scripts[i]); ++at) {
      std::vector<test::Cutting> cuts(scripts.size());
      cuts[i].at = at;
      whole(once(cuts));
      cuts[i] = {.drop_after = at};
      broken(once(cuts));
    }
}

}  // namespace angarium::mua::testing
