// IMAP boxes at servers that refuse, mix up, or lack what they should have.
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "agent/test_fetch.h"
#include "agent/test_imap_server.h"
#include "agent/trace_verbs.h"

namespace angarium::agent {

using namespace fetching;
using namespace std::chrono_literals;

TEST_CASE("IMAP: a message that is refused does not hold up the folder, and comes when it is given") {
  for (const char* const words :
       {"it is damaged", "[SERVERBUG] it is damaged", "[CORRUPTION] it is damaged", "BAD it is damaged"}) {
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

TEST_CASE("IMAP: messages come in few commands, whatever their order, each with its date") {
  World world;
  Played played(world.there);
  for (std::uint32_t uid = 1; uid <= 250; ++uid) played.messages[uid] = letter("m" + std::to_string(uid));
  bool backwards = false;
  played.instead = [&](const std::string& command) -> std::optional<std::string> {
    if (!command.starts_with("UID FETCH ") || !holds(command, "BODY")) return std::nullopt;
    std::string said;
    for (const std::uint32_t uid : played.in_set(command.substr(10)))
      said = backwards ? played.message(uid) + said : said + played.message(uid);
    return said + "OK\r\n";
  };
  world.add("imap+plain://there.test", {{"every", "5m"}});
  world.loop.advance(1min);
  CHECK(world.mail().size() == 250);
  CHECK(played.count("UID FETCH") <= 4);
  backwards = true;
  for (std::uint32_t uid = 251; uid <= 260; ++uid) played.messages[uid] = letter("m" + std::to_string(uid));
  world.loop.advance(10min);
  const auto mail = world.mail();
  CHECK(mail.size() == 260);
  for (std::uint32_t uid = 1; uid <= 260; ++uid) CHECK(times(mail, "m" + std::to_string(uid)) == 1);
  const fetch::Known known = world.boxes().list().front();
  const auto state = *world.boxes().folder(known.box->id, "INBOX");
  CHECK(state.last == 260);
  CHECK(state.owed.empty());
  auto account = world.mail_of();
  const auto view = *world.run(account->view(account->listing()->find("INBOX")->id));
  CHECK(view->at(7).date == 837'596'665);
  CHECK(view->at(7).zone_minutes() == -420);
}

TEST_CASE("IMAP: what came before the others when the connection broke is here, and the others come later") {
  World world;
  Played played(world.there);
  for (std::uint32_t uid = 1; uid <= 5; ++uid) played.messages[uid] = letter("m" + std::to_string(uid));
  bool breaks = true;
  played.instead = [&](const std::string& command) -> std::optional<std::string> {
    if (!breaks || !holds(command, "BODY")) return std::nullopt;
    breaks = false;
    // 5 and 3 are whole, and 4 is not.
    const std::string cut = played.message(4);
    return played.message(5) + played.message(3) + cut.substr(0, cut.size() / 2) + "\r\n* BYE no\r\nOK\r\n";
  };
  world.add("imap+plain://there.test", {{"every", "5m"}});
  world.loop.advance(30min);
  const auto mail = world.mail();
  for (std::uint32_t uid = 1; uid <= 5; ++uid) CHECK(times(mail, "m" + std::to_string(uid)) == 1);
  CHECK(mail.size() == 5);
}

TEST_CASE("IMAP: a server that ends the command at what it cannot give does not keep the others from us") {
  World world;
  Played played(world.there);
  for (std::uint32_t uid = 1; uid <= 40; ++uid) played.messages[uid] = letter("m" + std::to_string(uid));
  played.instead = [&](const std::string& command) -> std::optional<std::string> {
    if (!command.starts_with("UID FETCH ") || !holds(command, "BODY")) return std::nullopt;
    std::string said;
    for (const std::uint32_t uid : played.in_set(command.substr(10))) {
      // The part of it that could be read, as if that was all.
      if (uid % 10 == 3) {
        said += "* 1 FETCH (UID " + std::to_string(uid) + " BODY[] {9}\r\nSubject: )\r\n";
        return said + "NO the rest cannot be read\r\n";
      }
      said += played.message(uid);
    }
    return said + "OK\r\n";
  };
  world.add("imap+plain://there.test", {{"every", "5m"}});
  world.loop.advance(1min);
  const auto mail = world.mail();
  CHECK(mail.size() == 36);
  CHECK(times(mail, "m40") == 1);
  const fetch::Known known = world.boxes().list().front();
  const auto state = *world.boxes().folder(known.box->id, "INBOX");
  REQUIRE(state.owed.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(state.owed[i].uid == 10 * i + 3);
  CHECK(played.count("UID FETCH") < 20);
}

TEST_CASE("IMAP: what a good answer leaves out, and is there, is owed, and not removed as if it was fetched") {
  World world;
  Played played(world.there);
  played.capabilities = "IMAP4rev1 UIDPLUS";
  for (std::uint32_t uid = 1; uid <= 9; ++uid) played.messages[uid] = letter("m" + std::to_string(uid));
  bool leaves_out = true;
  played.instead = [&](const std::string& command) -> std::optional<std::string> {
    if (!leaves_out || !command.starts_with("UID FETCH ") || !holds(command, "BODY")) return std::nullopt;
    std::string said;
    for (const std::uint32_t uid : played.in_set(command.substr(10))) {
      if (uid == 4)
        said += "* 1 FETCH (UID 4 FLAGS ())\r\n";
      else if (uid != 6)
        said += played.message(uid);
    }
    return said + "OK\r\n";
  };
  world.add("imap+plain://there.test", {{"every", "5m"}, {"remove_after", "0"}});
  world.loop.advance(1min);
  CHECK(world.mail().size() == 7);
  CHECK(played.messages.size() == 2);
  CHECK((played.messages.contains(4) && played.messages.contains(6)));
  leaves_out = false;
  world.loop.advance(2h);
  CHECK(world.mail().size() == 9);
  CHECK(times(world.mail(), "m4") == 1);
  CHECK(played.messages.empty());
}

TEST_CASE("IMAP: a server that sends more than it was asked for takes no room by it") {
  World world;
  Played played(world.there);
  played.messages[1] = letter("one");
  played.instead = [&](const std::string& command) -> std::optional<std::string> {
    if (!command.starts_with("UID FETCH ") || !holds(command, "BODY")) return std::nullopt;
    std::string keywords;
    for (int i = 0; keywords.size() < (2U << 20); ++i) keywords += " k" + std::to_string(i);
    return "* 1 FETCH (UID 1 FLAGS (\\Seen" + keywords + ") BODY[] NIL)\r\nOK\r\n";
  };
  world.add("imap+plain://there.test");
  world.loop.advance(1min);
  CHECK(world.mail().empty());
  CHECK(world.boxes().folder(world.boxes().list().front().box->id, "INBOX")->owed.empty());
}

TEST_CASE("IMAP: messages that nobody asked for, or that come twice, end the look, and nothing of them is taken") {
  for (const bool twice : {false, true}) {
    World world;
    Played played(world.there);
    played.messages[1] = letter("m1");
    played.messages[7] = letter("m7");
    played.instead = [&](const std::string& command) -> std::optional<std::string> {
      if (!command.starts_with("UID FETCH ") || !holds(command, "BODY")) return std::nullopt;
      played.messages[9] = letter("m9");
      return played.message(1) + played.message(twice ? 1 : 9) + "OK\r\n";
    };
    world.add("imap+plain://there.test");
    world.loop.advance(1h);
    CHECK(holds(world.about(), "\"state\":\"failing\""));
    CHECK(times(world.mail(), "m9") == 0);
    CHECK(times(world.mail(), "m1") <= 1);
  }
}

TEST_CASE("POP3: a message arrived when its newest Received field says so, if that can be") {
  World world;
  const std::string date = "; Wed, 17 Jul 1996 02:44:25 -0700\r\n";
  world.there.drop() = {{"1", "Received: from a by b" + date +
                                  "Received: from c by a; Tue, 16 Jul 1996 00:00:00 +0000\r\n" + letter("1")},
                        {"2", letter("2")},
                        {"3", "Received: from a by b; Wed, 17 Jul 2296 02:44:25 -0700\r\n" + letter("3")},
                        {"4", "Received: from a by b; some day\r\n" + letter("4")},
                        {"5", "Received: from a by b; Wed, 17 Jul 1968 02:44:25 -0700\r\n" + letter("5")}};
  world.add("pop3+plain://there.test");
  const std::int64_t now = world.loop.clock().wall().seconds();
  world.loop.advance(10s);
  auto account = world.mail_of();
  const auto view = *world.run(account->view(account->listing()->find("INBOX")->id));
  REQUIRE(view->size() == 5);
  CHECK(view->at(1).date == 837'596'665);
  CHECK(view->at(1).zone_minutes() == -420);
  for (std::uint32_t i = 2; i <= 5; ++i) {
    CHECK(view->at(i).date >= now);
    CHECK(view->at(i).date <= now + 10);
  }
}

TEST_CASE("IDLE: the folders that it does not watch are here within minutes, too") {
  World world;
  auto& fred = world.there.fred();
  fred.make("Work", 0);
  fred.make("Lists", 0);
  world.add("imap+plain://there.test",
            {{"idle", "yes"}, {"every", "24h"}, {"folder", "INBOX"}, {"folder", "Work"}, {"folder", "Lists"}});
  world.loop.advance(10s);
  imap::MemoryStore::deliver(fred, "Work", letter("work"));
  imap::MemoryStore::deliver(fred, "INBOX", letter("first"));
  world.loop.advance(5s);
  CHECK(world.mail().size() == 1);
  world.loop.advance(3min);
  CHECK(world.mail("Work").size() == 1);
  imap::MemoryStore::deliver(fred, "Lists", letter("list"));
  world.loop.advance(3min);
  CHECK(world.mail("Lists").size() == 1);
  // Where nothing happens nothing is written.
  const std::uint64_t before = world.services().tablet().sequence();
  world.loop.advance(30min);
  CHECK(world.services().tablet().sequence() - before < 5);
  CHECK(world.there.sessions == 1);
}

TEST_CASE("IDLE: INBOX is the folder that is watched, wherever the server lists it and however it writes it") {
  for (const std::string inbox : {"INBOX", "Inbox"}) {
    for (const std::vector<std::string>& asked :
         {std::vector<std::string>{"*"}, {"Archive", "INBOX", "Zoo"}, {"Zoo", "inbox"}}) {
      CAPTURE(inbox);
      CAPTURE(asked.size());
      World world;
      Played played(world.there);
      played.capabilities = "IMAP4rev1 IDLE";
      played.instead = [&](const std::string& command) -> std::optional<std::string> {
        if (!command.starts_with("LIST")) return std::nullopt;
        return R"(* LIST () "/" Archive)"
               "\r\n"
               R"(* LIST () "/" Zoo)"
               "\r\n"
               R"(* LIST () "/" )" +
               inbox + "\r\nOK\r\n";
      };
      std::vector<std::pair<std::string, std::string>> options{{"idle", "yes"}, {"every", "24h"}};
      for (const std::string& folder : asked) options.emplace_back("folder", folder);
      world.add("imap+plain://there.test", options);
      world.loop.advance(10s);
      const auto idle = std::ranges::find(played.heard, "IDLE");
      REQUIRE(idle != played.heard.end());
      REQUIRE(idle != played.heard.begin());
      CHECK(*std::prev(idle) == "EXAMINE " + inbox);
      CHECK(holds(world.about(), "\"error\":\"\""));
    }
  }
}

TEST_CASE("a message that is passed over has a story that says why") {
  World world;
  Played played(world.there);
  played.messages[1] = letter("m1");
  played.messages[2] = letter("m2");
  played.instead = [&](const std::string& command) -> std::optional<std::string> {
    if (!command.starts_with("UID FETCH ") || !holds(command, "BODY")) return std::nullopt;
    return "* 1 FETCH (UID 1 FLAGS () BODY[] NIL)\r\n" + played.message(2) + "OK\r\n";
  };
  world.add("imap+plain://there.test");
  world.loop.advance(1min);
  CHECK(world.mail().size() == 1);
  CHECK(holds(world.about(), "\"passed_over\":1"));
  REQUIRE(world.services().ledger().write_refusals());
  const std::string story =
      *world.run(trace_verb(world.services(), {.verb = "trace.find", .arguments = {{"what", "alice@a.test"}}}));
  CHECK_MESSAGE(holds(story, "message 1 of INBOX is not fetched, and stays there: the server cannot read it"), story);
}

TEST_CASE("POP3: a token is read at each look, and one that is over pauses nothing") {
  std::string folder = (std::filesystem::temp_directory_path() / "angarium-fetch-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const std::string path = folder + "/token";
  const auto write = [&](std::string_view token) {
    std::ofstream(path, std::ios::binary) << token << "\n";
    REQUIRE(::chmod(path.c_str(), 0600) == 0);
  };
  World world;
  world.there.mechanisms = {"OAUTHBEARER", "PLAIN"};
  world.there.house.logins.tokens["fresh"] = "fred";
  world.there.drop() = {{"id1", letter("one")}};
  world.ask("add", {{"address", "alice@a.test"},
                    {"url", "pop3+plain://there.test"},
                    {"name", "box"},
                    {"user", "fred"},
                    {"token_file", path},
                    {"every", "5m"}});
  world.loop.advance(1min);
  CHECK(world.mail().empty());
  CHECK(holds(world.about(), "\"state\":\"failing\""));
  write("over");
  world.loop.advance(5h);
  CHECK(world.mail().empty());
  CHECK(holds(world.about(), "\"state\":\"failing\""));
  write("fresh");
  world.loop.advance(5h);
  CHECK(world.mail().size() == 1);
  CHECK(holds(world.about(), "\"state\":\"ok\""));
  CHECK(!holds(world.about(), "fresh"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("without TLS a box that wants a layer is read under one, and its password goes no other way") {
  for (const std::string_view layer : {"integrity", "confidentiality"}) {
    World world;
    world.there.store->mechanisms = {"SCRAM-SHA-256", "DIGEST-MD5", "PLAIN"};
    world.there.store->logins.host = "there.test";
    imap::MemoryStore::deliver(world.there.fred(), "INBOX", letter("one"), {});
    world.add("imap+plain://there.test", {{"layer", std::string(layer)}, {"every", "5m"}});
    CHECK(holds(world.about(), "\"layer\":\"" + std::string(layer) + "\""));
    world.loop.advance(1min);
    CHECK(world.mail().size() == 1);
    CHECK(holds(world.there.heard, "AUTHENTICATE DIGEST-MD5"));
    // The strongest is taken, whatever is enough.
    CHECK(!holds(world.there.heard, "UID FETCH"));
    // A server that has no layer any more.
    world.there.store->mechanisms = {"SCRAM-SHA-256", "PLAIN"};
    imap::MemoryStore::deliver(world.there.fred(), "INBOX", letter("two"), {});
    world.there.heard.clear();
    world.loop.advance(10min);
    CHECK(world.mail().size() == 1);
    // Without TLS anybody may have said so: it is told, and asked again.
    CHECK(holds(world.about(), "\"state\":\"failing\""));
    CHECK(holds(world.about(), "no way to log in"));
    CHECK(!holds(world.there.heard, "AUTH"));
    CHECK(!holds(world.there.heard, "LOGIN"));
    const std::size_t sessions = world.there.sessions;
    world.loop.advance(24h);
    CHECK(world.there.sessions > sessions + 12);
    CHECK(world.there.sessions < sessions + 40);
    CHECK(holds(world.about(), "\"state\":\"failing\""));
    world.there.store->mechanisms = {"SCRAM-SHA-256", "DIGEST-MD5", "PLAIN"};
    world.loop.advance(2h);
    CHECK(world.mail().size() == 2);
    CHECK(holds(world.about(), "\"state\":\"ok\""));
    // A wrong password is what a person has to put right.
    world.there.store->logins.users["fred"] = "other";
    world.loop.advance(2h);
    CHECK(holds(world.about(), "\"state\":\"refused\""));
  }
  World world;
  world.there.mechanisms = {"DIGEST-MD5", "PLAIN"};
  world.there.house.logins.host = "there.test";
  world.there.drop() = {{"id1", letter("one")}};
  world.add("pop3+plain://there.test", {{"layer", "confidentiality"}});
  world.loop.advance(1min);
  CHECK(world.mail().size() == 1);
  CHECK(!holds(world.there.heard, "RETR"));
  CHECK(holds(world.add("pop3s://there.test", {{"layer", "confidentiality"}, {"name", "b"}}), "error"));
  CHECK(holds(world.add("pop3+plain://there.test", {{"layer", "none"}, {"name", "b"}}), "error"));
}

TEST_CASE("a server that asks nobody who it is gives no layer, and nothing is read there that wants one") {
  for (const bool layer : {true, false}) {
    World world;
    world.there.played = [](wire::Connection& connection) -> io::Task<> {
      (void)co_await io::write_all(connection, "* PREAUTH [CAPABILITY IMAP4rev1] come in\r\n");
      wire::Input input;
      while (co_await input.more(connection)) input.clear();
    };
    std::vector<std::pair<std::string, std::string>> more;
    if (layer) more.emplace_back("layer", "integrity");
    world.add("imap+plain://there.test", more);
    world.loop.advance(1min);
    CHECK(holds(world.about(), "asks nobody who it is") == layer);
    CHECK(!holds(world.about(), "\"state\":\"refused\""));
    CHECK(world.there.heard.empty() == layer);
    const std::size_t sessions = world.there.sessions;
    world.loop.advance(24h);
    CHECK(world.there.sessions > sessions);
  }
}

TEST_CASE("tickets that are not there, or over, pause nothing: they may come") {
  for (const std::string_view url : {"imap+plain://there.test", "pop3+plain://there.test"}) {
    World world;
    world.there.store->mechanisms = {"GSSAPI", "PLAIN"};
    world.there.mechanisms = {"GSSAPI", "PLAIN"};
    world.ask("add", {{"address", "alice@a.test"},
                      {"url", std::string(url)},
                      {"name", "box"},
                      {"user", "fred@THERE.TEST"},
                      {"tickets", "/nowhere/tickets"},
                      {"every", "5m"}});
    CHECK(holds(world.about(), "\"tickets\":\"/nowhere/tickets\""));
    world.loop.advance(5h);
    CHECK(holds(world.about(), "\"state\":\"failing\""));
    CHECK(holds(world.about(), "/nowhere/tickets cannot be used"));
    CHECK(!holds(world.there.heard, "AUTH"));
  }
}

TEST_CASE("without the key of its password a box waits for somebody, and a new password lets it go on") {
  World world;
  world.there.drop() = {{"id1", letter("one")}};
  world.add("pop3+plain://there.test", {{"every", "5m"}});
  world.loop.advance(5s);
  CHECK(world.mail().size() == 1);
  world.there.drop().push_back({"id2", letter("two")});
  world.down();
  world.seal = fetch::Seal::of("another key");
  world.up();
  const std::size_t sessions = world.there.sessions;
  world.loop.advance(1h);
  CHECK(holds(world.about(), "\"state\":\"refused\""));
  CHECK(holds(world.about(), "angarium fetch password"));
  CHECK(world.there.sessions == sessions);
  CHECK(holds(world.ask("password", {{"address", "alice@a.test"}, {"name", "box"}, {"password", "secret"}}),
              "\"name\":\"box\""));
  world.loop.advance(1min);
  CHECK(holds(world.about(), "\"state\":\"ok\""));
  CHECK(world.mail().size() == 2);
  CHECK(times(world.mail(), "one") == 1);
}

}  // namespace angarium::agent
