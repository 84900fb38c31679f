// A provider and its customer, both of this house: the customer asks when its time has come, and gets its mail.
#include "account/on_demand.h"
#include "account/password.h"
#include "agent/fetch_verbs.h"
#include "agent/fetcher.h"
#include "agent/settings.h"
#include "agent/test_outbound.h"
#include "agent/transaction.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;
using namespace std::chrono_literals;

const std::string kLetter = "From: alice@a.test\r\nSubject: s\r\n\r\nhello\r\n";

/// mx.a.test holds mail for b.test and c.test on port 366, until alice@a.test asks.
struct Provider : Outbound {
  Provider() {
    auto made = std::make_shared<CourierTerms>(*terms);
    made->transports = *route::TransportMap::make(
        {{.key = "b.test", .transport = route::ByAtrn{}}, {.key = "c.test", .transport = route::ByAtrn{}}});
    terms = std::move(made);
    here().listen(io::Endpoint(here().addresses().front(), 366), [this](std::unique_ptr<io::Stream> stream) {
      auto plain = wire::plain_connection(std::move(stream));
      loop.spawn(provide(std::make_unique<test::Hiding>(std::move(plain), "", &heard)));
    });
  }
  io::Task<> provide(std::unique_ptr<wire::Connection> connection) {
    ++asked;
    const SmtpDesk held = odmr;
    SmtpSession session(held, connection->peer());
    session.turn_to(&courier_here());
    co_await smtp::serve(*connection, session, held.policy);
  }

  Budget provider_budget{64 << 20};
  Rate provider_rate{0};
  SmtpDesk odmr{.services = *services,
                .budget = provider_budget,
                .rate = provider_rate,
                .policy = {.role = smtp::Role::odmr,
                           .hostname = "mx.a.test",
                           .auth = smtp::AuthUse::required,
                           .plaintext = smtp::PlaintextAuth::always,
                           .mechanisms = {"SCRAM-SHA-256", "PLAIN"}},
                .outbound = terms,
                .odmr = OdmrCustomers({{.account = "alice@a.test", .domains = {"b.test", "c.test"}}})};
  std::size_t asked = 0;
  std::string heard;  ///< all that was said to it
};

/// The provider, and mx.b.test, which serves bob@b.test and has no address of its own for others.
struct World : Provider {
  World() {
    c.server.hostname = "mx.b.test";
    c.store.reserve = 0;
    c.auth.plaintext_without_tls = configuration::PlaintextWithoutTls::always;
    customer = *Services::open_on(*store::open_memory_volume(disk), store::StateKind::sorted, c, loop.clock());
    REQUIRE(customer->directory().add_domain("b.test"));
    auto made = customer->directory().add_account(
        {.address = "bob@b.test",
         .name = "",
         .quota = {},
         .credentials = *account::make_credentials("other", {.memory_kib = 64, .passes = 1})});
    REQUIRE(made);
    REQUIRE(run(customer->mail().create_account(made->id, {})));
    outbound = *courier_terms(c);
    // Whoever brings mail from the provider's address by itself may send anywhere.
    mx.reset(new SmtpDesk{.services = *customer,
                          .budget = budget,
                          .rate = rate,
                          .policy = smtp_policy(c, smtp::Role::mx, smtp::TlsUse::offered),
                          .outbound = outbound,
                          .relay_networks = {*io::Prefix::parse("192.0.2.0/24")}});
    boxes = std::make_unique<fetch::Boxes>(customer->tablet(), fetch::Seal::of("key"), loop.clock());
    fetcher = std::make_unique<Fetcher>(*customer, *boxes, place, *resolver,
                                        [this] { return fetch_terms(c, *outbound, mx); });
    loop.spawn(fetcher->run());
  }
  ~World() {
    fetcher->stop();
    loop.advance(2min);
    fetcher.reset();
    boxes.reset();
    customer.reset();
  }
  std::string ask(const std::string& verb, std::vector<std::pair<std::string, std::string>> arguments = {}) {
    arguments.insert(arguments.begin(), {{"address", "bob@b.test"}, {"name", "box"}});
    control::Request request{.verb = "fetch." + verb, .arguments = std::move(arguments)};
    const auto answer = run(fetch_verb(*customer, *boxes, std::move(request)));
    return answer ? *answer : "error: " + answer.error().text();
  }
  std::string add(const std::string& user = "alice@a.test", const std::string& password = "secret") {
    return ask("add", {{"url", "odmr+plain://mx.a.test"}, {"user", user}, {"password", password}});
  }
  bool shows(const std::string& part) { return ask("show").find(part) != std::string::npos; }
  std::vector<std::string> arrived() {
    std::vector<std::string> all;
    const auto account = customer->directory().account("bob@b.test");
    auto mail = *run(customer->mail().account((*account)->id));
    const auto view = *run(mail->view(mail->listing()->find("INBOX")->id));
    for (std::uint32_t i = 1; i <= view->size(); ++i)
      all.push_back(*run(mail->read(*run(mail->email(view->at(i).email)), 0, SIZE_MAX / 2)));
    return all;
  }

  configuration::Configuration c;
  std::shared_ptr<store::MemoryDisk> disk = std::make_shared<store::MemoryDisk>();
  io::MemoryNetwork::Host& place = network.add_host("customer.b.test", {*io::IpAddress::parse("192.0.2.77")});
  std::unique_ptr<io::MemoryResolver> resolver = *io::MemoryResolver::make(loop, "mx.a.test A 192.0.2.1\n");
  Budget budget{64 << 20};
  Rate rate{0};
  std::unique_ptr<Services> customer;
  std::shared_ptr<const CourierTerms> outbound;
  std::shared_ptr<const SmtpDesk> mx;
  std::unique_ptr<fetch::Boxes> boxes;
  std::unique_ptr<Fetcher> fetcher;
};

}  // namespace

TEST_CASE("RFC 2645 4: what a provider holds comes to whom it is addressed to, by schedule and on command") {
  World world;
  world.put(kLetter);
  world.put(kLetter);
  CHECK(world.add().find("\"url\":\"odmr+plain://mx.a.test:366\"") != std::string::npos);
  world.loop.advance(10s);
  REQUIRE(world.arrived().size() == 2);
  CHECK(world.arrived().front().find("Received: from mx.a.test ([192.0.2.1])") != std::string::npos);
  CHECK(world.arrived().front().ends_with(kLetter));
  CHECK(world.queued() == 0);
  CHECK(world.shows("\"messages\":2"));
  CHECK(world.shows("\"state\":\"ok\""));
  // 453 is no failure.
  world.loop.advance(20min);
  CHECK(world.asked == 2);
  CHECK(world.shows("\"state\":\"ok\""));
  CHECK(world.shows("\"error\":\"\""));
  world.put(kLetter);
  world.ask("run");
  world.loop.advance(10s);
  CHECK(world.arrived().size() == 3);
  CHECK(world.shows("\"messages\":3"));
  CHECK(world.inbox("alice").empty());
}

TEST_CASE("RFC 4422 3.7: a connection that turned round stays under the layer of the login, whoever speaks first") {
  World world;
  auto credentials = *account::make_credentials("secret", {.memory_kib = 64, .passes = 1});
  credentials.on_demand.want(account::Demand::digest_md5);
  REQUIRE(account::make_on_demand(credentials.on_demand, "secret", "dan@a.test", "mx.a.test"));
  const auto dan = world.services->directory().add_account(
      {.address = "dan@a.test", .name = "", .quota = {}, .credentials = credentials});
  REQUIRE(dan);
  REQUIRE(world.run(world.services->mail().create_account(dan->id, {})));
  world.odmr.odmr = OdmrCustomers({{.account = "dan@a.test", .domains = {"b.test", "c.test"}}});
  world.odmr.policy.mechanisms = {"DIGEST-MD5"};
  world.odmr.logins.host = "mx.a.test";
  world.put(kLetter);
  world.put(kLetter);
  world.ask("add", {{"url", "odmr+plain://mx.a.test"},
                    {"user", "dan@a.test"},
                    {"password", "secret"},
                    {"layer", "confidentiality"}});
  world.loop.advance(10s);
  CHECK(world.shows("\"error\":\"\""));
  CHECK(world.arrived().size() == 2);
  CHECK(world.queued() == 0);
  CHECK(world.heard.find("AUTH DIGEST-MD5") != std::string::npos);
  CHECK(world.heard.find("ATRN") == std::string::npos);
  CHECK(world.heard.find("mx.b.test ") == std::string::npos);  // the customer's greeting
}

TEST_CASE("RFC 2645 8: a provider sends through this host to nobody, whatever its network may") {
  World world;
  const queue::Entry one = Outbound::entry(world.loop, kLetter);
  store::Batch batch;
  queue::Lot lot{.destination = "c.test", .recipients = {envelope::parse_recipient("<eve@c.test>").value()}};
  auto change = world.services->queue().admit(one, {std::move(lot)}, batch.body(kLetter), batch);
  REQUIRE(world.run(queue::commit(world.services->tablet(), std::move(batch))));
  change->done();
  world.add();
  world.loop.advance(10s);
  CHECK(world.queued() == 0);
  REQUIRE(world.inbox("alice").size() == 1);
  CHECK(world.inbox("alice").front().find("550 5.7.1 Relaying denied") != std::string::npos);
  CHECK(world.run(world.customer->queue().list(queue::DeliveryId(0), 10))->empty());
}

TEST_CASE("a provider that does not let us in, or refuses ATRN, is left until somebody has looked") {
  {
    World world;
    world.put(kLetter);
    world.add("alice@a.test", "wrong");
    world.loop.advance(10s);
    CHECK(world.shows("\"state\":\"refused\""));
    CHECK(world.shows("authentication was refused: 535"));
  }
  World world;
  world.put(kLetter);
  world.odmr.odmr = OdmrCustomers();
  world.add();
  world.loop.advance(10s);
  CHECK(world.shows("\"state\":\"failing\""));
  CHECK(world.shows("ATRN: 450 ATRN request refused"));
  // It may say so to who asks too often.
  world.loop.advance(1h);
  CHECK(world.shows("\"state\":\"refused\""));
  world.odmr.odmr = OdmrCustomers({{.account = "alice@a.test", .domains = {"b.test"}}});
  world.ask("resume");
  world.loop.advance(10s);
  CHECK(world.shows("\"state\":\"ok\""));
  CHECK(world.arrived().size() == 1);
  // No ATRN there at all.
  world.odmr.policy.role = smtp::Role::submission;
  world.ask("run");
  world.loop.advance(10s);
  CHECK(world.shows("\"state\":\"refused\""));
  CHECK(world.shows("the server does not offer ATRN"));
}

TEST_CASE("a connection to a provider that breaks after any octet loses nothing, and what is here is here once") {
  World world;
  world.add();
  world.loop.advance(10s);
  std::size_t letters = 0;
  for (std::size_t octets = 0;; octets += 7) {
    const std::string subject = std::to_string(octets);
    world.put("From: alice@a.test\r\nSubject: n" + subject + "\r\n\r\nhello\r\n");
    ++letters;
    bool broken = false;
    world.network.set_plan([&](const io::Endpoint&, const io::Endpoint& to) {
      io::Plan plan;
      if (to.port() == 366 && !broken) {
        plan.octets_to_caller = octets;
        broken = true;
      }
      return plan;
    });
    world.ask("run");
    world.loop.advance(30s);
    REQUIRE(broken);
    if (world.queued() == 0 && world.shows("\"state\":\"ok\"")) break;
    world.ask("run");
    world.loop.advance(30s);
    CHECK_MESSAGE(world.queued() == 0, octets);
    // Only where the last 250 may not have been heard it comes again (RFC 5321 §6.1).
    CHECK_MESSAGE(world.arrived().size() >= letters, octets);
  }
  world.network.set_plan({});
  CHECK(letters > 50);
  CHECK(world.arrived().size() <= letters + 2);
  CHECK(world.inbox("alice").empty());
}

TEST_CASE("the end of the server ends what a provider brings between two commands, and nothing is lost") {
  World world;
  world.put(kLetter);
  world.network.set_link(world.here(), world.place, {.latency = 2s});
  world.add();
  world.loop.advance(40s);
  world.fetcher->stop();
  world.loop.advance(2min);
  CHECK(world.arrived().size() + world.queued() == 1);
}

}  // namespace angarium::agent
