// Which addresses a user may send as.
#include "agent/test_outbound.h"
#include "agent/transaction.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;

/// The reply to MAIL of alice@a.test, who has logged in at mx.a.test, which is also called localhost.
std::string mail_from(Outbound& world, const std::string& sender) {
  auto local = std::make_shared<LocalTerms>();
  local->hostname = "mx.a.test";
  local->domains = {"mx.a.test", "localhost"};
  auto terms = std::make_shared<CourierTerms>(*world.terms);
  terms->local = std::move(local);
  Budget budget(64U << 20);
  Rate rate(0);
  SmtpDesk desk{.services = *world.services, .budget = budget, .rate = rate, .policy = {}};
  desk.policy.role = smtp::Role::submission;
  desk.policy.hostname = "mx.a.test";
  desk.policy.auth = smtp::AuthUse::required;
  desk.policy.mechanisms = {"PLAIN"};
  desk.policy.plaintext = smtp::PlaintextAuth::always;
  desk.outbound = std::move(terms);
  auto ends = wire::memory_connections(
      {.client = *io::Endpoint::parse("192.0.2.77:4000"), .server = *io::Endpoint::parse("192.0.2.1:587")});
  world.loop.spawn([](SmtpDesk& at, wire::Connection& connection) -> io::Task<> {
    SmtpSession session(at, connection.peer());
    co_await smtp::serve(connection, session, at.policy);
  }(desk, *ends.server));
  std::string last;
  // "\0alice@a.test\0secret"
  for (const std::string& line :
       {std::string(), std::string("EHLO c.test"), std::string("AUTH PLAIN AGFsaWNlQGEudGVzdABzZWNyZXQ="),
        "MAIL FROM:<" + sender + ">"}) {
    const std::string octets = line + "\r\n";
    if (!line.empty()) REQUIRE(ends.client->try_write(octets).value_or(0) == octets.size());
    for (int i = 0; i < 100; ++i) world.loop.settle();
    last.assign(65536, '\0');
    last.resize(ends.client->try_read({last.data(), last.size()}).value_or(0));
  }
  ends.client->close();
  world.loop.settle();
  return last;
}

}  // namespace

TEST_CASE("who submits may use its name under each name of the host, and nobody else's") {
  Outbound world;
  for (const char* const sender : {"alice@a.test", "alice@mx.a.test", "Alice@MX.a.test", "alice@localhost"}) {
    CAPTURE(sender);
    CHECK(mail_from(world, sender).starts_with("250"));
  }
  for (const char* const sender : {"postmaster@mx.a.test", "nobody@localhost", "alice@b.test", "alice@sub.mx.a.test"}) {
    CAPTURE(sender);
    CHECK(mail_from(world, sender).starts_with("553 5.7.1"));
  }
  // A domain that is served has names of its own.
  REQUIRE(world.services->directory().add_domain("mx.a.test"));
  CHECK(mail_from(world, "alice@mx.a.test").starts_with("553 5.7.1"));
}

}  // namespace angarium::agent
