// The client under security layers (RFC 4422 §3.7, RFC 4954 §4), against our own server and whoever is between.
#include "protocol/smtp/client.h"
#include "protocol/smtp/memory_backend.h"
#include "protocol/smtp/server.h"
#include "support/run.h"
#include "wire/saslsec/test_between.h"
#include "wire/saslsec/test_line_client.h"

namespace angarium::protocol::smtp {
namespace {

using wire::saslsec::Agreement;
using wire::saslsec::Between;
using wire::saslsec::for_each_end;
using wire::saslsec::for_each_spoilt;
using wire::saslsec::kAgreements;
using wire::saslsec::kBusiness;
using wire::saslsec::letter_of;
using wire::saslsec::trouble_of_the_moment;
using wire::saslsec::WorldBetween;

/// A server without TLS, whoever is between, and a client that logs in and sends a letter.
struct World : WorldBetween {
  MemoryHouse house;
  Policy policy;
  std::optional<Result<SendReport>> report{};
  bool in = false;
  std::string letter = letter_of(10);

  explicit World(const std::vector<std::string>& mechanisms, Between::Fault fault = {}, std::uint64_t seed = 0)
      : WorldBetween(fault, seed) {
    furnish(house);
    policy.role = Role::submission;
    policy.hostname = "mail.example.test";
    policy.tls = TlsUse::none;
    policy.auth = AuthUse::required;
    policy.mechanisms = mechanisms;
    loop.spawn(serve_it());
  }
  ~World() { loop.destroy_tasks(); }

  io::Task<> serve_it() {
    MemorySession session(house);
    co_await serve(between.server_end(), session, policy);
    between.server_end().close();
  }
  io::Task<Result<>> work(sasl::ClientContext credentials, sasl::Plaintext plaintext, Client::Weak weak) {
    Client client(between.client_end(), {.name = "client.example"});
    CO_TRY(co_await client.open());
    CO_TRY(co_await client.authenticate(std::move(credentials), plaintext, weak));
    in = true;
    envelope::Envelope envelope;
    envelope.sender.path = envelope::parse_reverse_path("<alice@example.test>").value();
    envelope.recipients.push_back({envelope::parse_forward_path("<alice@example.test>").value(), {}});
    MessageInMemory source(letter);
    MessageFacts facts;
    facts.octets = letter.size();
    report = co_await client.send(envelope, facts, source);
    if (!*report) co_return std::unexpected(report->error());
    co_await client.quit();
    co_return Result<>();
  }
  Result<> run(sasl::ClientContext credentials, sasl::Plaintext plaintext = sasl::Plaintext::refused,
               Client::Weak weak = Client::Weak::allowed) {
    return test::sync_wait(loop, work(std::move(credentials), plaintext, weak));
  }
  /// The one recipient's reply was that the message is theirs now.
  [[nodiscard]] bool accepted() const { return report && *report && (*report)->recipients.at(0).completed(); }
};

Result<> run(World& world, const Agreement& agreement) {
  return world.run(wire::saslsec::credentials_for(agreement, "smtp"));
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; ++at) ++found;
  return found;
}

}  // namespace

TEST_CASE("RFC 4422 3.7: what follows the outcome goes under the layer, whatever is agreed on, octet by octet too") {
  for (const Agreement& agreement : kAgreements) {
    CAPTURE(agreement.mechanism);
    for (const bool octets : {false, true}) {
      World world({std::string(agreement.mechanism)}, {.octets = octets});
      // Longer than a buffer of a layer.
      world.letter = letter_of(octets ? 10 : 3000);
      const auto done = run(world, agreement);
      CHECK_MESSAGE(done.has_value(), (done ? "" : done.error().text()));
      CHECK(world.accepted());
      REQUIRE(world.house.messages.size() == 1);
      CHECK(world.house.messages[0].octets == world.letter);
      CHECK(world.house.messages[0].user == "alice");
      const bool sealed = agreement.protection == sasl::Protection::confidentiality;
      CHECK((world.between.to_server().find(kBusiness) == std::string::npos) == sealed);
      CHECK((world.between.to_server().find("MAIL FROM") == std::string::npos) == sealed);
    }
  }
}

TEST_CASE("RFC 4954 4: after a layer the client introduces itself again, and counts only what it hears then") {
  World world({"GSSAPI"});
  REQUIRE(run(world, {"GSSAPI", sasl::Protection::integrity}));
  CHECK(count(world.between.to_server(), "EHLO client.example\r\n") == 2);
  World without({"GSSAPI"});
  REQUIRE(run(without, {"GSSAPI", sasl::Protection::none}));
  CHECK(count(without.between.to_server(), "EHLO client.example\r\n") == 1);
}

TEST_CASE("the strongest layer is taken where one is allowed, and a mechanism that has one before one that has not") {
  World world({"GS2-KRB5", "GSSAPI"});
  sasl::ClientContext credentials = wire::saslsec::credentials_for({"GSSAPI", sasl::Protection::none}, "smtp");
  credentials.protection_max = sasl::Protection::confidentiality;
  REQUIRE(world.run(std::move(credentials)));
  CHECK(world.accepted());
  CHECK(world.between.to_server().find("AUTH GSSAPI") != std::string::npos);
  CHECK(world.between.to_server().find(kBusiness) == std::string::npos);
}

TEST_CASE("where a layer is demanded, nothing that has none is used, and no password is told") {
  for (const std::string_view only : {"SCRAM-SHA-256", "PLAIN", "CRAM-MD5"}) {
    World world({std::string(only)});
    world.policy.plaintext = PlaintextAuth::always;
    const auto done = world.run(wire::saslsec::credentials_for({"DIGEST-MD5", sasl::Protection::integrity}, "smtp"),
                                sasl::Plaintext::allowed);
    REQUIRE(!done);
    CHECK(done.error().is(kNoMechanism));
    CHECK(world.between.to_server().find("AUTH") == std::string::npos);
  }
}

TEST_CASE("a connection under a layer that ends after any octet loses nothing: a letter is taken, or it is not") {
  for (const Agreement& agreement : {kAgreements[0], kAgreements[3]}) {
    World whole({std::string(agreement.mechanism)});
    REQUIRE(run(whole, agreement));
    const std::size_t all = whole.between.to_client().size();
    for_each_end(all, [&](const Between::Fault& fault) {
      World world({std::string(agreement.mechanism)}, fault);
      const auto done = run(world, agreement);
      if (!done) CHECK(trouble_of_the_moment(done.error()));
      if (world.accepted()) CHECK(world.house.messages.size() == 1);
      // The end of the exchange's own octets may be the last that is missing.
      CHECK((world.accepted() || !done));
    });
  }
}

TEST_CASE("a layer that does not open is trouble of the moment, and nothing that it hides is believed") {
  for (const Agreement& agreement : {kAgreements[0], kAgreements[1]}) {
    CAPTURE(agreement.mechanism);
    World whole({std::string(agreement.mechanism)});
    REQUIRE(run(whole, agreement));
    const std::string& said = whole.between.to_client();
    const std::size_t outcome = said.find("\r\n", said.find("235 ")) + 2;
    for_each_spoilt(outcome, said.size(), [&](const Between::Fault& fault) {
      World world({std::string(agreement.mechanism)}, fault);
      const auto done = run(world, agreement);
      if (world.accepted()) return;  // the farewell was spoilt
      REQUIRE(!done);
      CHECK(trouble_of_the_moment(done.error()));
      // Who is told nothing by the server has been told nothing.
      if (!world.in) CHECK(world.house.messages.empty());
    });
  }
}

TEST_CASE("octets that somebody puts behind the outcome are the layer's, and end the connection") {
  io::SimulatedLoop loop;
  auto ends = wire::memory_connections();
  auto server = [&]() -> io::Task<> {
    wire::Connection& end = *ends.server;
    wire::Input input;
    (void)co_await io::write_all(end, "220 s\r\n");
    (void)co_await wire::saslsec::hear_line(end, input);
    (void)co_await io::write_all(end, "250-s\r\n250 AUTH GSSAPI\r\n");
    const std::string auth = co_await wire::saslsec::hear_line(end, input);
    CHECK(co_await wire::saslsec::agree(end, input, auth.substr(auth.rfind(' ') + 1), "334 ", "smtp") != nullptr);
    (void)co_await io::write_all(end, "235 in\r\n250-s\r\n250 AUTH GSSAPI\r\n250 all is yours\r\n");
    while (co_await input.more(end)) input.clear();
    end.close();
  };
  loop.spawn(server());
  auto session = [&]() -> io::Task<Result<>> {
    Client client(*ends.client, {.name = "client.example"});
    CO_TRY(co_await client.open());
    auto done = co_await client.authenticate(
        wire::saslsec::credentials_for({"GSSAPI", sasl::Protection::integrity}, "smtp"), sasl::Plaintext::refused);
    CHECK(client.closed());
    co_return done;
  };
  const auto done = test::sync_wait(loop, session());
  REQUIRE(!done);
  CHECK(done.error().is(sasl::kLayer));
  loop.destroy_tasks();
}

TEST_CASE("RFC 2033 4.4: LMTP is a service of its own: tickets and digests under a layer are for that name") {
  // Of a ticket the test says what it is for, of a digest the client.
  for (const auto& [mechanism, service, good] :
       {std::tuple{"GSSAPI", "lmtp", true}, std::tuple{"GSSAPI", "smtp", false}, std::tuple{"DIGEST-MD5", "", true}}) {
    io::SimulatedLoop loop;
    MemoryHouse house;
    furnish(house);
    Policy policy;
    policy.role = Role::lmtp;
    policy.hostname = "mail.example.test";
    policy.tls = TlsUse::none;
    policy.auth = AuthUse::required;
    policy.mechanisms = {mechanism};
    Between between(loop, {});
    auto serve_it = [&]() -> io::Task<> {
      MemorySession session(house);
      co_await serve(between.server_end(), session, policy);
      between.server_end().close();
    };
    loop.spawn(serve_it());
    auto session = [&]() -> io::Task<Result<>> {
      Client client(between.client_end(), {.name = "client.example", .dialect = Dialect::lmtp});
      CO_TRY(co_await client.open());
      CO_TRY(co_await client.authenticate(
          wire::saslsec::credentials_for({mechanism, sasl::Protection::confidentiality}, service),
          sasl::Plaintext::refused, Client::Weak::allowed));
      co_await client.quit();
      co_return Result<>();
    };
    CHECK(test::sync_wait(loop, session()).has_value() == good);
    CHECK(count(between.to_server(), "LHLO") == 1);  // the second is sealed
    loop.destroy_tasks();
  }
}

}  // namespace angarium::protocol::smtp
