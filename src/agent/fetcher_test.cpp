// A host here and one there with a network, a DNS and a clock of their own: what is new there comes here, once.
#include "agent/fetcher.h"

#include <algorithm>

#include "account/password.h"
#include "agent/fetch_verbs.h"
#include "agent/settings.h"
#include "agent/trace_verbs.h"
#include "io/memory_network.h"
#include "io/memory_resolver.h"
#include "protocol/imap/memory_backend.h"
#include "protocol/imap/testing.h"
#include "protocol/pop3/memory_backend.h"
#include "protocol/pop3/server.h"
#include "store/volume_memory.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

namespace imap = protocol::imap;
namespace pop3 = protocol::pop3;
using namespace std::chrono_literals;

/// The other host: POP3 and IMAP servers over two stores of one user, fred.
struct There {
  There(io::SimulatedLoop& on, io::MemoryNetwork& network)
      : loop(on), place(network.add_host("there.test", {*io::IpAddress::parse("192.0.2.9")})) {
    store->add_account("fred", "secret");
    house.users["fred"] = {.password = "secret"};
    place.listen(io::Endpoint(place.addresses().front(), 110), [this](std::unique_ptr<io::Stream> stream) {
      ++sessions;
      loop.spawn(serve_pop3(wire::plain_connection(std::move(stream))));
    });
    place.listen(io::Endpoint(place.addresses().front(), 143), [this](std::unique_ptr<io::Stream> stream) {
      ++sessions;
      loop.spawn(serve_imap(wire::plain_connection(std::move(stream))));
    });
  }
  io::Task<> serve_pop3(std::unique_ptr<wire::Connection> connection) {
    pop3::MemoryAuthenticator authenticator(house);
    pop3::ServerOptions options;
    options.plaintext_without_tls = sasl::Plaintext::allowed;
    co_await pop3::serve(*connection, authenticator, options);
    connection->close();
  }
  io::Task<> serve_imap(std::unique_ptr<wire::Connection> connection) {
    co_await imap::testing::serve(store, imap_options, imap::MemoryAuthenticator::Plaintext::always, *connection);
    connection->close();
  }
  imap::MemoryAccountState& fred() { return *store->find("fred"); }
  std::vector<pop3::MemoryMessage>& drop() { return house.users["fred"].messages; }
  std::size_t in_folder(const std::string& name) { return fred().find(name)->entries().size(); }

  io::SimulatedLoop& loop;
  io::MemoryNetwork::Host& place;
  pop3::MemoryHouse house;
  std::shared_ptr<imap::MemoryStore> store = std::make_shared<imap::MemoryStore>();
  std::shared_ptr<imap::ServerOptions> imap_options = std::make_shared<imap::ServerOptions>();
  std::size_t sessions = 0;
};

/// The host here: the account alice@a.test.
class World {
 public:
  World() {
    c_.server.hostname = "mx.a.test";
    c_.store.reserve = 0;
    c_.auth.plaintext_without_tls = configuration::PlaintextWithoutTls::always;
    up();
    REQUIRE(services_->directory().add_domain("a.test"));
    auto made = services_->directory().add_account(
        {.address = "alice@a.test",
         .name = "",
         .quota = {},
         .credentials = *account::make_credentials("secret", {.memory_kib = 64, .passes = 1})});
    REQUIRE(made);
    REQUIRE(run(services_->mail().create_account(made->id, {})));
  }
  ~World() { down(); }

  void up() {
    services_ = *Services::open_on(*store::open_memory_volume(disk_), store::StateKind::sorted, c_, loop.clock());
    if (!courier_terms_) courier_terms_ = *agent::courier_terms(c_);
    boxes_ = std::make_unique<fetch::Boxes>(services_->tablet(), loop.clock());
    fetcher_ = std::make_unique<Fetcher>(*services_, *boxes_, place_, *resolver_,
                                         [this] { return fetch_terms(c_, *courier_terms_); });
    place_.set_state(io::MemoryNetwork::Host::State::up);
    loop.spawn(fetcher_->run());
  }
  /// What is under way is broken off where it stands.
  void down() {
    if (!services_) return;
    place_.set_state(io::MemoryNetwork::Host::State::stopped);
    fetcher_->stop();
    loop.advance(2min);
    fetcher_.reset();
    boxes_.reset();
    services_.reset();
  }
  /// A verb of the command line; its JSON text, or the error's.
  std::string ask(const std::string& verb, std::vector<std::pair<std::string, std::string>> arguments = {}) {
    control::Request request{.verb = "fetch." + verb, .arguments = std::move(arguments)};
    const auto answer = run(fetch_verb(*services_, *boxes_, std::move(request)));
    return answer ? *answer : "error: " + answer.error().text();
  }
  std::string add(const std::string& url, std::vector<std::pair<std::string, std::string>> more = {}) {
    more.insert(more.begin(),
                {{"address", "alice@a.test"}, {"url", url}, {"name", "box"}, {"user", "fred"}, {"password", "secret"}});
    return ask("add", std::move(more));
  }
  std::string about(const std::string& verb = "show") {
    return ask(verb, {{"address", "alice@a.test"}, {"name", "box"}});
  }
  /// Messages of a mailbox, whole.
  std::vector<std::string> mail(const std::string& name = "INBOX") {
    std::vector<std::string> all;
    auto account = mail_of();
    const auto* const info = account->listing()->find(name);
    if (info == nullptr) return all;
    const auto view = *run(account->view(info->id));
    for (std::uint32_t i = 1; i <= view->size(); ++i) {
      const auto email = *run(account->email(view->at(i).email));
      all.push_back(*run(account->read(email, 0, SIZE_MAX / 2)));
    }
    return all;
  }
  mailbox::AccountMailPtr mail_of() {
    const auto account = services_->directory().account("alice@a.test");
    return *run(services_->mail().account((*account)->id));
  }
  template <class T>
  T run(io::Task<T> task) {
    std::optional<T> result;
    loop.spawn([](io::Task<T> inner, std::optional<T>& place) -> io::Task<> {
      place.emplace(co_await std::move(inner));
    }(std::move(task), result));
    for (int i = 0; i < 100 && !result; ++i) loop.settle();
    REQUIRE(result.has_value());
    return *std::move(result);
  }
  Services& services() { return *services_; }
  fetch::Boxes& boxes() { return *boxes_; }
  configuration::Configuration& configuration() { return c_; }

  io::SimulatedLoop loop;
  io::MemoryNetwork network{loop, 1, {.latency = 5ms}};
  There there{loop, network};

 private:
  io::MemoryNetwork::Host& place_ = network.add_host("mx.a.test", {*io::IpAddress::parse("192.0.2.1")});
  std::unique_ptr<io::MemoryResolver> resolver_ =
      *io::MemoryResolver::make(loop, "there.test A 192.0.2.9\nnobody.test A 192.0.2.200\n");
  std::shared_ptr<store::MemoryDisk> disk_ = std::make_shared<store::MemoryDisk>();
  configuration::Configuration c_;
  std::shared_ptr<const CourierTerms> courier_terms_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<fetch::Boxes> boxes_;
  std::unique_ptr<Fetcher> fetcher_;
};

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::string letter(const std::string& subject) {
  return "Return-Path: <x@y.test>\r\nFrom: x@y.test\r\nSubject: " + subject + "\r\n\r\n.dots\r\nend\r\n";
}

/// How often a subject is among the messages.
std::size_t times(const std::vector<std::string>& mail, const std::string& subject) {
  return static_cast<std::size_t>(
      std::ranges::count_if(mail, [&](const std::string& one) { return holds(one, "Subject: " + subject + "\r\n"); }));
}

}  // namespace

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
    world.there.fred().password = "other";
    world.add(url);
    world.loop.advance(1min);
    CHECK(holds(world.about(), "\"state\":\"refused\""));
    const std::size_t sessions = world.there.sessions;
    world.loop.advance(24h);
    CHECK(world.there.sessions == sessions);
    world.there.house.users["fred"].password = "secret";
    world.there.fred().password = "secret";
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
