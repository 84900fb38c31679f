// ATRN from end to end: mail waits for a customer, who logs in, turns the connection round and gets it.
#include <algorithm>

#include "agent/test_outbound.h"
#include "agent/transaction.h"
#include "base/text.h"
#include "support/dialogue.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;
using namespace std::chrono_literals;

const std::string kLetter = "From: alice@a.test\r\nSubject: s\r\n\r\nhello\r\n";
// alice@a.test with her password.
const std::string kLogin = "AUTH PLAIN AGFsaWNlQGEudGVzdABzZWNyZXQ=";

/// Says lines as a client, and keeps the last reply.
class Caller {
 public:
  explicit Caller(wire::Connection& connection) : connection_(connection) {}
  io::Task<std::string> ask(std::string line) {
    if (!line.empty()) CHECK(co_await io::write_all(connection_, line + "\r\n"));
    for (;;) {
      auto read = input_.take_line(4096);
      if (read && *read) {
        std::string text((*read)->text);
        if (text.size() < 4 || text[3] == ' ') co_return text;
      } else if (!read || !co_await input_.more(connection_)) {
        co_return "end";
      }
    }
  }

 private:
  wire::Connection& connection_;
  wire::Input input_;
};

struct World : Outbound {
  World() { odmr({{.account = "Alice@A.test", .domains = {"b.test", "c.test"}}}); }

  void odmr(const std::vector<configuration::OdmrCustomer>& customers, std::vector<route::Rule> more = {}) {
    for (const auto& customer : customers)
      for (const std::string& domain : customer.domains) more.push_back({domain, route::ByAtrn{}});
    auto made = std::make_shared<CourierTerms>(*terms);
    made->transports = *route::TransportMap::make(std::move(more));
    terms = std::move(made);
    desk.odmr = OdmrCustomers(customers);
    desk.outbound = terms;
  }
  /// The provider's half of one connection.
  io::Task<> provide(std::unique_ptr<wire::Connection> connection, Courier* by) {
    SmtpSession session(desk, connection->peer());
    session.turn_to(by);
    co_await smtp::serve(*connection, session, desk.policy);
  }
  /// A customer asks, and serves as mx.c.test when the connection turns round. What was said to ATRN.
  std::string fetch(const std::string& command = "ATRN", const std::string& login = kLogin) {
    std::string said;
    auto ends = wire::memory_connections({.client = *io::Endpoint::parse("192.0.2.7:4711")});
    loop.spawn(provide(std::move(ends.server), courier));
    loop.spawn([](World& world, std::unique_ptr<wire::Connection> connection, std::string line, std::string in,
                  std::string& out) -> io::Task<> {
      Caller caller(*connection);
      CHECK((co_await caller.ask("")).starts_with("220 "));
      CHECK((co_await caller.ask("EHLO c.test")).starts_with("250 "));
      CHECK((co_await caller.ask(in)).starts_with("235 "));
      out = co_await caller.ask(line);
      if (!out.starts_with("250 ")) co_return;
      smtp::MemorySession session(world.house);
      co_await smtp::serve(*connection, session, world.receiving);
      ++world.turned;
    }(*this, std::move(ends.client), command, login, said));
    loop.advance(20s);
    return said;
  }
  /// Mail for another domain than Outbound's.
  void put_for(const std::string& domain, std::optional<WallTime> due = {}) {
    const queue::Entry one = entry(loop, kLetter);
    store::Batch batch;
    queue::Lot lot{
        .destination = domain, .recipients = {envelope::parse_recipient("<bob@" + domain + ">").value()}, .due = due};
    auto change = services->queue().admit(one, {std::move(lot)}, batch.body(kLetter), batch);
    REQUIRE(run(queue::commit(services->tablet(), std::move(batch))));
    change->done();
  }
  queue::Whole first() { return run(services->queue().list(queue::DeliveryId(0), 1))->front(); }

  Budget budget{64 << 20};
  Rate rate{0};
  SmtpDesk desk{.services = *services,
                .budget = budget,
                .rate = rate,
                .policy = {.role = smtp::Role::odmr,
                           .hostname = "mx.a.test",
                           .auth = smtp::AuthUse::required,
                           .plaintext = smtp::PlaintextAuth::always,
                           .mechanisms = {"SCRAM-SHA-256", "PLAIN"}},
                .outbound = terms};
  Courier* courier = &courier_here();
  smtp::Policy receiving{.hostname = "mx.c.test", .dsn = smtp::Announce::yes};  ///< its rules once it serves
  std::size_t turned = 0;  ///< sessions that turned round and ended in order
};

}  // namespace

TEST_CASE("RFC 2645 5.3: a customer gets all that waits for its domains over its own connection") {
  World world;
  for (int i = 0; i < 3; ++i) world.put(kLetter);
  world.put_for("c.test");
  world.loop.advance(1h);
  CHECK(world.connections == 0);
  CHECK(world.queued() == 4);
  CHECK(world.fetch("ATRN b.test,C.TEST") == "250 2.0.0 OK now reversing the connection");
  CHECK(world.turned == 1);
  REQUIRE(world.house.messages.size() == 3);
  CHECK(world.house.messages.front().octets.ends_with(kLetter));
  CHECK(world.house.messages.front().envelope.sender.path.text() == "<alice@a.test>");
  // Its server takes none for c.test, and says so.
  CHECK(world.queued() == 0);
  REQUIRE(world.inbox("alice").size() == 1);
  CHECK(world.inbox("alice").front().find("bob@c.test") != std::string::npos);
}

TEST_CASE("mail for a customer waits: not sent where the MX records say, nor turned back, until it expires") {
  World world;
  world.put(kLetter);
  world.loop.advance(119h);
  CHECK(world.connections == 0);
  CHECK(world.queued() == 1);
  CHECK(world.inbox("alice").empty());
  const auto backoff = world.run(world.services->queue().find_backoff("b.test"));
  REQUIRE(*backoff);
  CHECK((*backoff)->trouble.diagnostic == "waits until its customer fetches it (ATRN)");
  world.loop.advance(2h);
  CHECK(world.queued() == 0);
  REQUIRE(world.inbox("alice").size() == 1);
  CHECK(world.inbox("alice").front().find("Status: 5.4.7") != std::string::npos);
  CHECK(world.fetch() == "453 4.2.0 You have no mail");
}

TEST_CASE("RFC 2645 5.2.1: a customer gets the mail of its domains, of all by a bare ATRN, and of no other") {
  World world;
  world.put(kLetter);
  CHECK(world.fetch("ATRN b.test,d.test") == "450 4.7.1 ATRN request refused");
  CHECK(world.fetch("ATRN sub.b.test") == "450 4.7.1 ATRN request refused");
  // postmaster@a.test, who has an account and no domains.
  const std::string other = "AUTH PLAIN AHBvc3RtYXN0ZXJAYS50ZXN0AHNlY3JldA==";
  CHECK(world.fetch("ATRN b.test", other) == "450 4.7.1 ATRN request refused");
  CHECK(world.fetch("ATRN", other) == "450 4.7.1 ATRN request refused");
  CHECK(world.fetch("ATRN c.test") == "453 4.2.0 You have no mail");
  CHECK(world.house.messages.empty());
  CHECK(world.fetch("ATRN b.test,B.test") == "250 2.0.0 OK now reversing the connection");
  CHECK(world.house.messages.size() == 1);
  CHECK(world.queued() == 0);
  world.put(kLetter);
  CHECK(world.fetch("atrn") == "250 2.0.0 OK now reversing the connection");
  CHECK(world.house.messages.size() == 2);
  CHECK(world.fetch() == "453 4.2.0 You have no mail");
}

TEST_CASE("RFC 2645 5.2.1: 451 while the mail cannot be sent, and nothing is lost") {
  World world;
  world.put(kLetter);
  world.courier = nullptr;
  CHECK(world.fetch() == "451 4.3.0 Unable to process ATRN request now");
  CHECK(world.queued() == 1);
}

TEST_CASE("what the customer refuses goes back to its sender, and what it puts off is fetched by its next request") {
  World world;
  world.put(kLetter, {"<bob@b.test>", "<nobody@b.test>"});
  CHECK(world.fetch().starts_with("250 "));
  CHECK(world.house.messages.size() == 1);
  CHECK(world.queued() == 0);
  REQUIRE(world.inbox("alice").size() == 1);
  CHECK(world.inbox("alice").front().find("nobody@b.test") != std::string::npos);
  CHECK(world.inbox("alice").front().find("mx.c.test") != std::string::npos);

  world.put(kLetter, {"<bob@b.test>", "<later-x@b.test>"});
  CHECK(world.fetch().starts_with("250 "));
  CHECK(world.turned == 2);
  CHECK(world.house.messages.size() == 2);
  REQUIRE(world.queued() == 1);
  const auto left = world.first().parts.front().consignment;
  REQUIRE(left.addressees.size() == 1);
  CHECK(left.addressees.front().trouble->remote == "mx.c.test");
  CHECK(left.attempts == 1);
  // Again at once, whatever its pause, and once in a session.
  CHECK(world.fetch().starts_with("250 "));
  CHECK(world.first().parts.front().consignment.attempts == 2);
  CHECK(world.inbox("alice").size() == 1);
}

TEST_CASE("what is held, and what its sender wants held back, stays though the customer asks") {
  World world;
  world.put_for("b.test", WallTime{world.loop.clock().wall().microseconds + Duration(2h).count()});
  world.put(kLetter);
  CHECK(world.fetch().starts_with("250 "));
  CHECK(world.house.messages.size() == 1);
  REQUIRE(world.queued() == 1);
  // RFC 2645 §5.2.1: 250 with nothing behind it is allowed.
  CHECK(world.fetch().starts_with("250 "));
  CHECK(world.turned == 2);
  CHECK(world.house.messages.size() == 1);
  auto jobs = *world.run(world.services->queue().claim(world.first().entry->id));
  store::Batch batch;
  auto change = world.services->queue().hold(jobs.front(), queue::Hold::by_operator, batch);
  REQUIRE(world.run(queue::commit(world.services->tablet(), std::move(batch))));
  change.done();
  CHECK(world.fetch() == "453 4.2.0 You have no mail");
}

TEST_CASE("many letters and parts of letters: each is fetched once, and two sessions share them") {
  World world;
  for (int i = 0; i < 250; ++i) world.put(kLetter);
  std::vector<std::string> crowd;
  for (int i = 0; i < 150; ++i) crowd.push_back("<bob@b.test>");
  world.put(kLetter, crowd);
  CHECK(world.queued() == 251);
  std::string other;
  auto ends = wire::memory_connections({.client = *io::Endpoint::parse("192.0.2.8:4711")});
  world.loop.spawn(world.provide(std::move(ends.server), world.courier));
  world.loop.spawn([](World& here, std::unique_ptr<wire::Connection> connection, std::string& said) -> io::Task<> {
    Caller caller(*connection);
    (void)co_await caller.ask("");
    (void)co_await caller.ask("EHLO c.test");
    (void)co_await caller.ask(kLogin);
    said = co_await caller.ask("ATRN");
    smtp::MemorySession session(here.house);
    co_await smtp::serve(*connection, session, here.receiving);
  }(world, std::move(ends.client), other));
  CHECK(world.fetch().starts_with("250 "));
  CHECK(other.starts_with("250 "));
  world.loop.advance(10s);
  CHECK(world.house.messages.size() == 252);
  CHECK(world.queued() == 0);
}

TEST_CASE("a recipient with a way of its own goes it, and not over the customer's connection") {
  World world;
  world.odmr({{.account = "alice@a.test", .domains = {"b.test"}}},
             {{.key = "bill@b.test", .transport = *route::parse_transport("relay mx.b.test")}});
  world.house.users["bill"] = "";
  world.put(kLetter, {"<bill@b.test>", "<bob@b.test>"});
  world.loop.advance(1min);
  CHECK(world.connections == 1);
  CHECK(world.house.messages.size() == 1);
  CHECK(world.queued() == 1);
  CHECK(world.fetch().starts_with("250 "));
  CHECK(world.connections == 1);
  CHECK(world.house.messages.size() == 2);
  CHECK(world.queued() == 0);
  world.there.set_state(io::MemoryNetwork::Host::State::stopped);
  world.put(kLetter, {"<bill@b.test>", "<bob@b.test>"});
  CHECK(world.fetch().starts_with("250 "));
  CHECK(world.turned == 2);
  CHECK(world.house.messages.size() == 3);
  REQUIRE(world.queued() == 1);
  REQUIRE(world.first().parts.front().consignment.addressees.size() == 1);
  CHECK(world.first().parts.front().consignment.addressees.front().recipient.path.mailbox.local_part == "bill");
}

TEST_CASE("RFC 2645 8: mail for a customer's domains is taken from anybody, and ETRN does not start it") {
  World world;
  world.desk.policy.role = smtp::Role::mx;
  world.desk.policy.auth = smtp::AuthUse::none;
  world.desk.etrn_networks = {*io::Prefix::parse("0.0.0.0/0")};
  auto ends = wire::memory_connections({.client = *io::Endpoint::parse("192.0.2.9:4711")});
  world.loop.spawn(world.provide(std::move(ends.server), nullptr));
  std::vector<std::string> heard;
  world.loop.spawn([](std::unique_ptr<wire::Connection> connection, std::vector<std::string>& said) -> io::Task<> {
    Caller caller(*connection);
    for (const auto* const line : {"", "EHLO x.test", "MAIL FROM:<x@x.test>", "RCPT TO:<bob@B.test>",
                                   "RCPT TO:<bob@d.test>", "DATA", ".", "ATRN b.test"})
      said.push_back((co_await caller.ask(line)).substr(0, 3));
  }(std::move(ends.client), heard));
  world.loop.advance(1s);
  CHECK(heard == std::vector<std::string>{"220", "250", "250", "250", "550", "354", "250", "502"});
  CHECK(world.queued() == 1);
}

TEST_CASE("RFC 2645 5.3: a connection that breaks anywhere, or a customer that refuses, loses nothing") {
  const std::string before =
      "C: 220 mx.a.test ESMTP Angarium\n"
      "S: EHLO c.test\n"
      "C: 250-mx.a.test\n"
      "C: 250-PIPELINING\n"
      "C: 250-AUTH SCRAM-SHA-256 PLAIN\n"
      "C: 250-ENHANCEDSTATUSCODES\n"
      "C: 250-ATRN\n"
      "C: 250 HELP\n"
      "S: " +
      kLogin +
      "\n"
      "C: 235 2.7.0 Authentication successful\n"
      "S: ATRN b.test\n"
      "C: 250 2.0.0 OK now reversing the connection\n"
      "S: 220 c.test ready to receive email\n"
      "C: EHLO mx.a.test\n"
      "S: 250-c.test\n"
      "S: 250 SIZE\n"
      "C: MAIL FROM:<alice@a.test> SIZE=41\n"
      "S: 250 OK\n"
      "C: RCPT TO:<bob@b.test>\n"
      "S: 250 OK, recipient accepted\n"
      "C: DATA\n"
      "S: 354 go ahead\n"
      "C: From: alice@a.test\n"
      "C: Subject: s\n"
      "C: \n"
      "C: hello\n"
      "C: .\n"
      "S: 250 OK\n";
  const std::string after =
      "C: QUIT\n"
      "S: 221 bye\n"
      "EOF\n";
  const auto read = [](std::string_view text) {
    std::vector<test::Step> steps;
    while (!text.empty()) steps.push_back(test::dialogue_step(take_until(text, '\n')).value());
    return steps;
  };
  const auto length = [](const std::vector<test::Step>& steps) {
    std::size_t octets = 0;
    for (const test::Step& step : steps)
      if (step.kind == test::Step::Kind::send) octets += step.text.size();
    return octets;
  };
  World world;
  const auto all = read(before + after);
  const std::size_t taken = length(read(before));
  REQUIRE(length(all) > taken);
  for (std::size_t cut = 0; cut <= length(all); ++cut) {
    if (world.queued() == 0) world.put(kLetter);
    test::ScriptedServer there(all, {.octets = true, .drop_after = cut});
    world.loop.spawn(world.provide(there.take_client_end(), world.courier));
    world.loop.spawn(there.serve());
    world.loop.advance(10s);
    CHECK_MESSAGE(there.missed() == "", cut);
    CHECK_MESSAGE(there.done(), cut);
    CHECK_MESSAGE(world.queued() == (cut < taken ? 1 : 0), cut);
  }
  CHECK(world.house.messages.empty());
  CHECK(world.inbox("alice").empty());
  // Each reply a refusal: what the customer said, in its place.
  for (const char* const line : {"S: 220 c.test ready to receive email\n", "S: 250-c.test\nS: 250 SIZE\n",
                                 "S: 250 OK, recipient accepted\n", "S: 354 go ahead\n"}) {
    if (world.queued() == 0) world.put(kLetter);
    const std::size_t at = before.find(line);
    REQUIRE(at != std::string::npos);
    const auto refusing = read(before.substr(0, at) + "S: 421 no\n");
    test::ScriptedServer there(refusing, {});
    world.loop.spawn(world.provide(there.take_client_end(), world.courier));
    world.loop.spawn(there.serve());
    world.loop.advance(10s);
    CHECK_MESSAGE(there.missed() == "", line);
    CHECK_MESSAGE(world.queued() == 1, line);
  }
  CHECK(world.fetch().starts_with("250 "));
  CHECK(world.house.messages.size() == 1);
}

}  // namespace angarium::agent
