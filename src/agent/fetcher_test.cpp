// A host here and one there with a network, a DNS and a clock of their own: what is new there comes here, once.
#include "agent/fetcher.h"

#include "agent/test_fetch.h"
#include "agent/trace_verbs.h"

namespace angarium::agent {

using namespace fetching;
using namespace std::chrono_literals;

TEST_CASE("POP3: what is new there comes once, and stays there") {
  World world;
  world.there.drop() = {{"id1", letter("one")}, {"id2", letter("two")}};
  CHECK(holds(world.add("pop3+plain://there.test"), "\"state\":\"new\""));
  world.loop.advance(5s);
  auto got = world.mail();
  REQUIRE(got.size() == 2);
  CHECK(got[0].starts_with("Received: from there.test ([192.0.2.9])"));
  CHECK(holds(got[0], "fetched by POP3"));
  CHECK(holds(got[0], "<alice@a.test>; "));
  CHECK(got[0].ends_with(letter("one")));
  world.there.drop().push_back({"id3", letter("three")});
  world.loop.advance(20min);
  got = world.mail();
  CHECK(got.size() == 3);
  CHECK(times(got, "three") == 1);
  CHECK(world.there.drop().size() == 3);
  CHECK(holds(world.about(), "\"state\":\"ok\""));
  CHECK(holds(world.about(), "\"messages\":3"));
}

TEST_CASE("each message that was fetched has a story: from where, and where it lies; its id stands in its header") {
  for (const auto& [url, how] : {std::pair<std::string, std::string>{"pop3+plain://there.test", "POP3"},
                                 std::pair<std::string, std::string>{"imap+plain://there.test", "IMAP"}}) {
    CAPTURE(url);
    World world;
    world.there.drop() = {{"id1", "Message-ID: <1@y.test>\r\n" + letter("one")}};
    imap::MemoryStore::deliver(world.there.fred(), "INBOX", "Message-ID: <1@y.test>\r\n" + letter("one"));
    world.add(url);
    world.loop.advance(5s);
    const auto got = world.mail();
    REQUIRE(got.size() == 1);
    const std::string story =
        *world.run(trace_verb(world.services(), {.verb = "trace.find", .arguments = {{"what", "<1@y.test>"}}}));
    CHECK_MESSAGE(holds(story, "fetched by " + how + " from there.test [192.0.2.9], without TLS, box box"), story);
    CHECK(holds(story, "to alice@a.test: delivered here"));
    CHECK(holds(story, "in INBOX of alice@a.test, UID 1"));
    CHECK(holds(story, "\"summary\":\"delivered\""));
    const std::size_t id = story.find("\"id\":\"");
    REQUIRE(id != std::string::npos);
    CHECK(holds(got[0].substr(0, got[0].find("Return-Path:")), story.substr(id + 6, trace::DeliveryId::kLetters)));
  }
}

TEST_CASE("POP3: removed there at once, or after days, and only what is here") {
  World world;
  world.there.drop() = {{"id1", letter("one")}};
  world.add("pop3+plain://there.test", {{"remove_after", "2"}, {"every", "1h"}});
  world.loop.advance(1h);
  CHECK(world.mail().size() == 1);
  CHECK(world.there.drop().size() == 1);
  world.loop.advance(50h);
  CHECK(world.there.drop().empty());
  world.about("remove");
  world.there.drop() = {{"id2", letter("two")}};
  world.add("pop3+plain://there.test", {{"remove_after", "0"}});
  world.loop.advance(5s);
  CHECK(world.there.drop().empty());
  CHECK(world.mail().size() == 2);
}

TEST_CASE("POP3: mail comes into the mailbox that was asked for, made when it is not there") {
  World world;
  world.add("pop3+plain://there.test", {{"into", "Far/There"}});
  world.loop.advance(5s);
  CHECK(world.mail_of()->listing()->find("Far/There") == nullptr);
  world.there.drop() = {{"id1", letter("one")}};
  world.loop.advance(40min);
  CHECK(world.mail().empty());
  CHECK(world.mail("Far/There").size() == 1);
}

TEST_CASE("POP3: an id that another message has got is no message that was fetched") {
  World world;
  world.there.drop() = {{"1", letter("one")}};
  world.add("pop3+plain://there.test", {{"remove_after", "0"}});
  world.loop.advance(5s);
  CHECK(world.there.drop().empty());
  world.there.drop().push_back({"1", letter("next")});
  world.loop.advance(20min);
  CHECK(world.there.drop().empty());
  CHECK(times(world.mail(), "next") == 1);
  CHECK(world.mail().size() == 2);
}

TEST_CASE("IMAP: all folders with flags, dates and names; what is new comes once") {
  World world;
  auto& fred = world.there.fred();
  imap::MemoryStore::deliver(fred, "INBOX", letter("one"),
                             {.system = imap::kSeen | imap::kDeleted, .keywords = {"$k"}});
  fred.make("Work/2024", 0);
  imap::MemoryStore::deliver(fred, "Work/2024", letter("two"), {.system = imap::kFlagged, .keywords = {}});
  world.add("imap+plain://there.test", {{"folder", "*"}, {"into", "Old"}});
  world.loop.advance(5s);
  CHECK(world.mail().empty());
  REQUIRE(world.mail("Old").size() == 1);
  CHECK(holds(world.mail("Old")[0], "fetched by IMAP"));
  REQUIRE(world.mail("Old/Work/2024").size() == 1);
  auto account = world.mail_of();
  const auto view = *world.run(account->view(account->listing()->find("Old")->id));
  CHECK(view->at(1).flag_bits == mailbox::kSeen);
  imap::MemoryStore::deliver(fred, "INBOX", letter("three"));
  world.loop.advance(40min);
  CHECK(world.mail("Old").size() == 2);
  CHECK(world.mail("Old/Work/2024").size() == 1);
  CHECK(world.there.in_folder("INBOX") == 2);
}

TEST_CASE("IMAP: other UIDs under another UIDVALIDITY: all of it comes again") {
  World world;
  imap::MemoryStore::deliver(world.there.fred(), "INBOX", letter("one"));
  world.add("imap+plain://there.test");
  world.loop.advance(5s);
  CHECK(world.mail().size() == 1);
  world.there.fred().find("INBOX")->uid_validity = 777;
  world.loop.advance(20min);
  CHECK(world.mail().size() == 2);
}

TEST_CASE("IMAP: removed there, and nothing that is not here") {
  World world;
  imap::MemoryStore::deliver(world.there.fred(), "INBOX", letter("one"));
  world.add("imap+plain://there.test", {{"remove_after", "0"}});
  world.loop.advance(5s);
  CHECK(world.mail().size() == 1);
  CHECK(world.there.in_folder("INBOX") == 0);
  // Those that arrived there long ago go, the others wait.
  world.about("remove");
  world.there.fred().now = world.loop.clock().wall();
  imap::MemoryStore::deliver(world.there.fred(), "INBOX", letter("two"));
  world.add("imap+plain://there.test", {{"remove_after", "3"}, {"every", "6h"}});
  world.loop.advance(48h);
  CHECK(world.there.in_folder("INBOX") == 1);
  world.loop.advance(72h);
  CHECK(world.there.in_folder("INBOX") == 0);
  CHECK(world.mail().size() == 2);
}

TEST_CASE("IDLE: new mail is here within seconds, and the wait is renewed") {
  World world;
  world.add("imap+plain://there.test", {{"idle", "yes"}, {"every", "24h"}});
  world.loop.advance(10s);
  CHECK(holds(world.about(), "\"state\":\"ok\""));
  for (int i = 1; i <= 3; ++i) {
    world.loop.advance(70min);
    imap::MemoryStore::deliver(world.there.fred(), "INBOX", letter("news"));
    world.loop.advance(2s);
    CHECK(times(world.mail(), "news") == static_cast<std::size_t>(i));
  }
  CHECK(world.there.sessions == 1);
  // Paused, it ends; resumed, it begins anew.
  CHECK(holds(world.about("pause"), "\"state\":\"paused\""));
  world.loop.advance(5s);
  imap::MemoryStore::deliver(world.there.fred(), "INBOX", letter("later"));
  world.loop.advance(1h);
  CHECK(times(world.mail(), "later") == 0);
  world.about("resume");
  world.loop.advance(5s);
  CHECK(times(world.mail(), "later") == 1);
}

TEST_CASE("IDLE: what came and went before it was looked at is news once") {
  World world;
  imap::MemoryStore::deliver(world.there.fred(), "INBOX", letter("one"));
  world.add("imap+plain://there.test", {{"idle", "yes"}, {"every", "24h"}});
  world.loop.advance(10s);
  CHECK(world.mail().size() == 1);
  // Two and three come, and three is gone before anybody looks.
  const auto inbox = world.there.fred().find("INBOX");
  imap::MemoryStore::deliver(world.there.fred(), "INBOX", letter("two"));
  auto entries = inbox->entries();
  inbox->publish(std::move(entries), inbox->view->uid_next() + 1, ++world.there.fred().modseq, {});
  world.loop.advance(10s);
  CHECK(world.mail().size() == 2);
  world.loop.advance(1min);
  const std::uint64_t before = world.services().tablet().sequence();
  world.loop.advance(30min);
  CHECK(world.services().tablet().sequence() - before < 5);
  CHECK(holds(world.about(), "\"state\":\"ok\""));
}

TEST_CASE("a wrong password pauses the box until somebody has looked at it") {
  for (const char* const url : {"pop3+plain://there.test", "imap+plain://there.test"}) {
    World world;
    world.there.house.users["fred"].password = "other";
    world.there.store->logins.users["fred"] = "other";
    world.add(url);
    world.loop.advance(1min);
    CHECK(holds(world.about(), "\"state\":\"refused\""));
    const std::size_t sessions = world.there.sessions;
    world.loop.advance(24h);
    CHECK(world.there.sessions == sessions);
    world.there.house.users["fred"].password = "secret";
    world.there.store->logins.users["fred"] = "secret";
    world.about("resume");
    world.loop.advance(1min);
    CHECK(holds(world.about(), "\"state\":\"ok\""));
  }
}

TEST_CASE("without TLS nothing is fetched unless the configuration allows it") {
  World world;
  world.configuration().auth.plaintext_without_tls = configuration::PlaintextWithoutTls::loopback;
  world.add("imap+plain://there.test");
  world.loop.advance(1min);
  CHECK(holds(world.about(), "\"state\":\"refused\""));
  CHECK(holds(world.about(), "auth.plaintext_without_tls"));
}

TEST_CASE("a server that is not there is asked less and less often, and again when it is back") {
  World world;
  world.there.drop() = {{"id1", letter("one")}};
  world.there.place.set_state(io::MemoryNetwork::Host::State::stopped);
  world.add("pop3+plain://there.test");
  world.loop.advance(12h);
  CHECK(holds(world.about(), "\"state\":\"failing\""));
  const std::uint64_t attempts = world.network.attempts();
  CHECK(attempts > 10);
  CHECK(attempts < 25);
  world.there.place.set_state(io::MemoryNetwork::Host::State::up);
  world.loop.advance(2h);
  CHECK(world.mail().size() == 1);
  CHECK(holds(world.about(), "\"failures\":0"));
}

TEST_CASE("asked to, it looks now") {
  World world;
  world.add("pop3+plain://there.test", {{"every", "24h"}});
  world.loop.advance(1min);
  world.there.drop() = {{"id1", letter("one")}};
  world.loop.advance(1h);
  CHECK(world.mail().empty());
  world.about("run");
  world.loop.advance(5s);
  CHECK(world.mail().size() == 1);
}

TEST_CASE("no room: it stays there, is not forgotten, and comes when there is room") {
  World world;
  REQUIRE(world.run(world.mail_of()->set_quota({.octets = 0, .messages = 1})));
  world.there.drop() = {{"id1", letter("one")}, {"id2", letter("two")}};
  world.add("pop3+plain://there.test", {{"remove_after", "0"}});
  world.loop.advance(1min);
  CHECK(world.mail().size() == 1);
  CHECK(holds(world.about(), "\"state\":\"failing\""));
  CHECK(std::ranges::any_of(world.there.drop(), [](const auto& one) { return one.unique_id == "id2"; }));
  REQUIRE(world.run(world.mail_of()->set_quota({.octets = 0, .messages = 0})));
  world.loop.advance(2h);
  CHECK(world.mail().size() == 2);
  CHECK(world.there.drop().empty());
}

TEST_CASE("large messages stream into the store") {
  World world;
  const std::string large = letter("large") + std::string(3'000'000, 'x') + "\r\n";
  world.there.drop() = {{"id1", large}};
  world.add("pop3+plain://there.test");
  world.loop.advance(1min);
  REQUIRE(world.mail().size() == 1);
  CHECK(world.mail()[0].ends_with(large));
  world.about("remove");
  imap::MemoryStore::deliver(world.there.fred(), "INBOX", large);
  world.add("imap+plain://there.test");
  world.loop.advance(1min);
  REQUIRE(world.mail().size() == 2);
  CHECK(world.mail()[1].ends_with(large));
}

TEST_CASE("a connection that breaks at any octet, and a server here that ends then: no message is lost or twice here") {
  for (const bool pop : {true, false}) {
    std::size_t broken = 0;
    for (std::size_t octets = 0;; octets += 61) {
      World world;
      world.there.drop() = {{"id1", letter("one")}, {"id2", letter("two")}, {"id3", letter("three")}};
      for (const char* const subject : {"one", "two", "three"})
        imap::MemoryStore::deliver(world.there.fred(), "INBOX", letter(subject));
      std::size_t connections = 0;
      world.network.set_plan([&](const io::Endpoint&, const io::Endpoint&) {
        return ++connections == 1 ? io::Plan{.octets_to_caller = octets} : io::Plan{};
      });
      world.add(pop ? "pop3+plain://there.test" : "imap+plain://there.test", {{"remove_after", "0"}});
      world.loop.advance(3s);
      // On even turns the process ends, too.
      if (octets % 2 == 0) {
        world.down();
        world.up();
      }
      world.loop.advance(5min);
      INFO((pop ? "POP3 " : "IMAP "), octets);
      const auto mail = world.mail();
      CHECK(mail.size() == 3);
      for (const char* const subject : {"one", "two", "three"}) CHECK(times(mail, subject) == 1);
      CHECK((pop ? world.there.drop().empty() : world.there.in_folder("INBOX") == 0));
      if (connections == 1 || octets > 5000) break;
      ++broken;
    }
    CHECK(broken > 10);
  }
}

TEST_CASE("passwords are never told, and boxes go with their account") {
  World world;
  const std::string added = world.add("imaps://there.test", {{"folder", "A"}, {"folder", "B"}});
  CHECK(holds(added, "\"url\":\"imaps://there.test:993\""));
  for (const std::string& text : {added, world.about(), world.ask("list"), world.about("pause")})
    CHECK(!holds(text, "secret"));
  CHECK(world.add("imaps://there.test").starts_with("error: the account has a box 'box'"));
  CHECK(world.add("ftp://there.test").starts_with("error: 'ftp://there.test' names no protocol"));
  CHECK(world.ask("list", {{"address", "bob@a.test"}}).starts_with("error: there is no account"));
  const auto account = *world.services().directory().account("alice@a.test");
  store::Batch batch;
  world.boxes().remove_all(account->id, batch);
  REQUIRE(world.services().tablet().commit_and_wait(std::move(batch)));
  world.boxes().forget(account->id);
  CHECK(world.ask("list") == "[]");
  world.down();
  world.up();
  CHECK(world.ask("list") == "[]");
}

}  // namespace angarium::agent
