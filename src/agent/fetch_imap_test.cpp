// IMAP boxes at servers that refuse, mix up, or lack what they should have.
#include <map>
#include <set>

#include "agent/test_fetch.h"
#include "base/text.h"
#include "wire/framing/input.h"

namespace angarium::agent {

using namespace fetching;
using namespace std::chrono_literals;

namespace {

/// An IMAP server of one folder, as simple as it can be, that does what the test wants.
class Played {
 public:
  explicit Played(There& there) {
    there.played = [this](wire::Connection& connection) { return serve(connection); };
  }

  io::Task<> serve(wire::Connection& connection) {
    wire::Input input;
    if (!co_await io::write_all(connection, "* OK here\r\n")) co_return;
    while (true) {
      const auto line = input.take_line(60'000);
      if (!line) co_return;
      if (!*line) {
        if (!co_await input.more(connection)) co_return;
        continue;
      }
      std::string_view command = (*line)->text;
      const std::string tag(take_until(command, ' '));
      heard.emplace_back(command);
      // The last line is tagged.
      std::string said = answer(heard.back());
      said.insert(said.find_last_of('\n', said.size() - 3) + 1, tag + " ");
      if (!co_await io::write_all(connection, said)) co_return;
    }
  }

  std::string answer(const std::string& command) {
    if (instead)
      if (auto other = instead(command)) return *other;
    if (command == "CAPABILITY") return "* CAPABILITY " + capabilities + "\r\nOK\r\n";
    if (command.starts_with("SELECT") || command.starts_with("EXAMINE")) return select();
    if (command.starts_with("UID FETCH ")) return fetch(command.substr(10));
    if (command.starts_with("UID SEARCH DELETED")) return found(deleted);
    if (command.starts_with("UID SEARCH ")) {
      std::set<std::uint32_t> all;
      for (const auto& [uid, text] : messages) all.insert(uid);
      return found(all);
    }
    if (command.starts_with("UID STORE ")) {
      for (const std::uint32_t uid : in_set(command.substr(10))) deleted.insert(uid);
    } else if (command == "EXPUNGE") {
      for (const std::uint32_t uid : deleted) messages.erase(uid);
      deleted.clear();
    } else if (command.starts_with("UID EXPUNGE ")) {
      for (const std::uint32_t uid : in_set(command.substr(12)))
        if (deleted.erase(uid) > 0) messages.erase(uid);
    }
    return "OK\r\n";
  }

  /// Commands that begin so.
  std::size_t count(std::string_view begin) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(heard, [&](const auto& one) { return one.starts_with(begin); }));
  }

  std::map<std::uint32_t, std::string> messages;  ///< by UID
  std::map<std::uint32_t, std::string> refused;   ///< UIDs whose text is refused, in these words
  std::set<std::uint32_t> deleted;                ///< marked so
  std::string capabilities = "IMAP4rev1";
  std::vector<std::string> heard;
  std::function<std::optional<std::string>(const std::string&)> instead;  ///< asked first

  /// "1:3,7" and "4:*", of the UIDs that are there.
  std::vector<std::uint32_t> in_set(std::string_view text) const {
    text = take_until(text, ' ');
    std::set<std::uint32_t> chosen;
    while (!text.empty()) {
      std::string_view range = take_until(text, ',');
      const std::string_view first = take_until(range, ':');
      const std::uint32_t from = parse_number<std::uint32_t>(first).value_or(0);
      const std::uint32_t last = messages.empty() ? 0 : messages.rbegin()->first;
      const std::uint32_t to = range.empty() ? from : parse_number<std::uint32_t>(range).value_or(last);
      for (const auto& [uid, octets] : messages)
        if ((uid >= from && uid <= to) || (range == "*" && uid == last)) chosen.insert(uid);
    }
    return {chosen.begin(), chosen.end()};
  }
  /// The response that brings a message.
  std::string message(std::uint32_t uid) const {
    const std::string& octets = messages.at(uid);
    return "* 1 FETCH (UID " + std::to_string(uid) + " FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" BODY[] {" +
           std::to_string(octets.size()) + "}\r\n" + octets + ")\r\n";
  }

 private:
  std::string select() const {
    const std::uint32_t next = messages.empty() ? 1 : messages.rbegin()->first + 1;
    return "* " + std::to_string(messages.size()) + " EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n* OK [UIDNEXT " +
           std::to_string(next) + "] n\r\nOK\r\n";
  }
  std::string fetch(const std::string& rest) const {
    std::string said;
    std::string end = "OK\r\n";
    for (const std::uint32_t uid : in_set(rest)) {
      if (rest.find("BODY") == std::string::npos) {
        said += "* 1 FETCH (UID " + std::to_string(uid) + ")\r\n";
      } else if (const auto no = refused.find(uid); no != refused.end()) {
        end = "NO " + no->second + "\r\n";
      } else {
        said += message(uid);
      }
    }
    return said + end;
  }
  static std::string found(const std::set<std::uint32_t>& uids) {
    std::string said = "* SEARCH";
    for (const std::uint32_t uid : uids) said += " " + std::to_string(uid);
    return said + "\r\nOK\r\n";
  }
};

wire::tls::Identity identity(World& world) {
  return wire::tls::make_self_signed({.names = {"there.test"}}, world.loop.clock().wall()).value();
}

}  // namespace

TEST_CASE("IMAP: a message that is refused does not hold up the folder, and comes when it is given") {
  for (const char* const words : {"it is damaged", "[SERVERBUG] it is damaged", "[CORRUPTION] it is damaged"}) {
    World world;
    Played played(world.there);
    for (std::uint32_t uid = 1; uid <= 4; ++uid) played.messages[uid] = letter("m" + std::to_string(uid));
    played.refused[2] = words;
    world.add("imap+plain://there.test", {{"every", "5m"}, {"remove_after", "0"}});
    world.loop.advance(1min);
    CHECK(world.mail().size() == 3);
    CHECK(times(world.mail(), "m4") == 1);
    CHECK(holds(world.about(), "\"state\":\"ok\""));
    CHECK(holds(world.about(), "INBOX: the server refuses message 2"));
    CHECK(holds(world.about(), "it is damaged"));
    // It stays there, whatever is removed.
    CHECK(played.messages.size() == 1);
    played.messages[5] = letter("m5");
    world.loop.advance(10min);
    CHECK(times(world.mail(), "m5") == 1);
    CHECK(times(world.mail(), "m2") == 0);
    CHECK(holds(world.about(), "asked for again later"));
    played.refused.clear();
    world.loop.advance(30min);
    CHECK(world.mail().size() == 5);
    CHECK(times(world.mail(), "m2") == 1);
    CHECK(played.messages.empty());
    CHECK(holds(world.about(), "\"error\":\"\""));
  }
}

TEST_CASE("IMAP: what is refused is asked for after half an hour, and half as often each time, at least once a day") {
  World world;
  Played played(world.there);
  played.messages[1] = letter("m1");
  played.messages[2] = letter("m2");
  played.refused[1] = "no";
  world.add("imap+plain://there.test", {{"every", "1m"}});
  world.loop.advance(1min);
  played.heard.clear();
  const auto asked = [&] { return played.count("UID FETCH 1 ("); };
  world.loop.advance(25min);
  CHECK(asked() == 0);
  world.loop.advance(10min);
  CHECK(asked() == 1);
  world.loop.advance(50min);
  CHECK(asked() == 1);
  world.loop.advance(15min);
  CHECK(asked() == 2);
  // 2 h, 4 h, 8 h, 16 h, then each day.
  world.loop.advance(31h);
  CHECK(asked() == 6);
  world.loop.advance(240h);
  CHECK(asked() >= 15);
  CHECK(asked() <= 16);
  // Also after a start of the server.
  world.down();
  world.up();
  world.loop.advance(1h);
  CHECK(asked() <= 16);
  played.refused.clear();
  world.loop.advance(25h);
  CHECK(times(world.mail(), "m1") == 1);
}

TEST_CASE("IMAP: what was refused and is gone is not owed any more") {
  World world;
  Played played(world.there);
  played.messages[1] = letter("m1");
  played.refused[1] = "no";
  world.add("imap+plain://there.test", {{"every", "5m"}});
  world.loop.advance(1min);
  CHECK(holds(world.about(), "the server refuses message 1"));
  played.messages.clear();
  world.loop.advance(1h);
  CHECK(holds(world.about(), "\"error\":\"\""));
  CHECK(world.mail().empty());
  const fetch::Known known = world.boxes().list().front();
  CHECK(world.boxes().folder(known.box->id, "INBOX")->owed.empty());
}

TEST_CASE("IMAP: a server that refuses everything is not owed for ever, and nobody has to look at it") {
  World world;
  Played played(world.there);
  for (std::uint32_t uid = 1; uid <= fetch::kPassedOverMax + 2; ++uid) {
    played.messages[uid] = letter("m");
    played.refused[uid] = "not now";
  }
  world.add("imap+plain://there.test", {{"every", "5m"}});
  world.loop.advance(10min);
  const fetch::Known known = world.boxes().list().front();
  CHECK(known.box->pause == fetch::Pause::none);
  CHECK(holds(known.progress.error, "too many messages are refused, the last for: not now"));
  const auto state = *world.boxes().folder(known.box->id, "INBOX");
  CHECK(state.owed.size() == fetch::kPassedOverMax);
  CHECK(state.last == fetch::kPassedOverMax);
  played.refused.clear();
  world.loop.advance(2h);
  CHECK(world.mail().size() == fetch::kPassedOverMax + 2);
}

TEST_CASE("IMAP without UIDPLUS: nothing is removed while there is marked what is not ours to remove") {
  World world;
  Played played(world.there);
  for (std::uint32_t uid = 1; uid <= 3; ++uid) played.messages[uid] = letter("m" + std::to_string(uid));
  played.refused[2] = "no";
  played.deleted = {2};  // by somebody there, of what is not here
  world.add("imap+plain://there.test", {{"every", "5m"}, {"remove_after", "0"}});
  world.loop.advance(1min);
  CHECK(world.mail().size() == 2);
  CHECK(played.messages.size() == 3);
  CHECK(played.count("EXPUNGE") == 0);
  CHECK(holds(world.about(), "UIDPLUS"));
  // Nobody wants it any more: ours go.
  played.deleted.erase(2);
  world.loop.advance(10min);
  CHECK(played.messages.size() == 1);
  CHECK(played.count("EXPUNGE") > 0);
  CHECK(world.mail().size() == 2);
}

TEST_CASE("IMAP with UIDPLUS: what others marked stays, and ours goes") {
  World world;
  Played played(world.there);
  played.capabilities = "IMAP4rev1 UIDPLUS";
  for (std::uint32_t uid = 1; uid <= 3; ++uid) played.messages[uid] = letter("m" + std::to_string(uid));
  played.refused[2] = "no";
  played.deleted = {2};
  world.add("imap+plain://there.test", {{"remove_after", "0"}});
  world.loop.advance(1min);
  CHECK(played.messages.size() == 1);
  CHECK(played.messages.contains(2));
  CHECK(played.count("EXPUNGE") == 0);
}

TEST_CASE("--any-certificate: the first key is the server's; another is told nothing until somebody has looked") {
  for (const char* const url : {"imaps://there.test", "imap://there.test", "pop3s://there.test", "pop3://there.test"}) {
    CAPTURE(url);
    World world;
    const wire::tls::Identity first = identity(world);
    const wire::tls::Identity second = identity(world);
    const wire::tls::Identity third = identity(world);
    world.there.show(first);
    world.there.drop() = {{"id1", letter("one")}};
    imap::MemoryStore::deliver(world.there.fred(), "INBOX", letter("one"));
    world.add(url, {{"any_certificate", "yes"}});
    world.loop.advance(1min);
    CHECK(world.mail().size() == 1);
    // The same key in another session, and after a start of the server.
    world.down();
    world.up();
    world.there.drop().push_back({"id2", letter("two")});
    imap::MemoryStore::deliver(world.there.fred(), "INBOX", letter("two"));
    world.loop.advance(20min);
    CHECK(world.mail().size() == 2);
    world.there.show(second);
    world.there.heard.clear();
    world.loop.advance(1h);
    CHECK(holds(world.about(), "\"state\":\"refused\""));
    CHECK(holds(world.about(), "another key"));
    for (const char* const word : {"LOGIN", "AUTH", "USER", "PASS", "secret", "APOP"})
      CHECK(!holds(world.there.heard, word));
    // It was the second that somebody looked at.
    world.there.show(third);
    world.about("resume");
    world.loop.advance(1min);
    CHECK(holds(world.about(), "\"state\":\"refused\""));
    world.there.show(second);
    world.loop.advance(1h);
    world.there.show(third);
    world.about("resume");
    world.loop.advance(1min);
    CHECK(holds(world.about(), "\"state\":\"ok\""));
    CHECK(times(world.mail(), "two") == 1);
  }
}

TEST_CASE("a box that was refused for its password is not told to another key by resume") {
  World world;
  world.there.show(identity(world));
  world.there.fred().password = "other";
  world.add("imaps://there.test", {{"any_certificate", "yes"}});
  world.loop.advance(1min);
  CHECK(holds(world.about(), "\"state\":\"refused\""));
  world.there.show(identity(world));
  world.there.heard.clear();
  world.about("resume");
  world.loop.advance(1min);
  CHECK(holds(world.about(), "another key"));
  CHECK(!holds(world.there.heard, "AUTH"));
}

}  // namespace angarium::agent
