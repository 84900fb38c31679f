// The client under security layers (RFC 4422 §3.7, RFC 9051 §6.2.2), against our own server and whoever is between.
#include "protocol/imap/client.h"
#include "protocol/imap/testing.h"
#include "support/run.h"
#include "wire/saslsec/connection.h"
#include "wire/saslsec/test_between.h"
#include "wire/saslsec/test_line_client.h"

namespace angarium::protocol::imap {
namespace {

using wire::saslsec::Agreement;
using wire::saslsec::Between;
using wire::saslsec::for_each_end;
using wire::saslsec::for_each_spoilt;
using wire::saslsec::kAgreements;
using wire::saslsec::kBusiness;
using wire::saslsec::kLarge;
using wire::saslsec::kSmall;
using wire::saslsec::trouble_of_the_moment;
using wire::saslsec::WorldBetween;

struct Collector final : ContentSink {
  std::string octets;
  Result<void> begin(std::string_view, std::uint64_t) override { return {}; }
  io::ValueOrTask<Result<void>> append(std::string_view piece) override {
    octets += piece;
    return Result<void>{};
  }
  io::ValueOrTask<Result<void>> end() override { return Result<void>{}; }
};

/// A server without TLS, whoever is between, and a client that logs in, brings a letter and reads it.
struct World : WorldBetween {
  std::shared_ptr<MemoryStore> store = testing::make_store();
  std::shared_ptr<ServerOptions> options = std::make_shared<ServerOptions>();
  Collector taken;
  std::optional<Error> why_not{};  ///< of the login
  const std::string& letter;

  explicit World(std::string_view mechanism, Between::Fault fault = {}, const std::string& brought = kSmall)
      : WorldBetween(fault), letter(brought) {
    store->add_account("alice", "open sesame 7");
    furnish(store->logins);
    store->mechanisms = {std::string(mechanism)};
    loop.spawn(testing::serve(store, options, MemoryAuthenticator::Plaintext::always, between.server_end()));
  }
  ~World() { loop.destroy_tasks(); }

  io::Task<Result<>> work(sasl::ClientContext credentials) {
    Client client(between.client_end(), {.stream_from = 0});
    CO_TRY(co_await client.greet());
    auto in = co_await client.log_in(std::move(credentials), sasl::Plaintext::allowed, sasl::Choice::Weak::allowed);
    if (!in) why_not = in.error();
    if (!in) co_return in;
    CHECK(CO_TRY(co_await client.capabilities())->has("UIDPLUS"));
    CO_TRY(co_await client.append("INBOX", {}, std::nullopt, letter));
    CO_TRY(co_await client.select("INBOX", Access::read_only));
    CO_TRY(co_await client.uid_fetch("1:*", "(BODY.PEEK[])", {}, &taken));
    co_return co_await client.logout();
  }
  Result<> run(const Agreement& agreement) {
    return test::sync_wait(loop, work(wire::saslsec::credentials_for(agreement, "imap")));
  }
};

}  // namespace

TEST_CASE("RFC 4422 3.7: what follows the outcome goes under the layer, whatever is agreed on, octet by octet too") {
  for (const Agreement& agreement : kAgreements) {
    CAPTURE(agreement.mechanism);
    for (const bool octets : {false, true}) {
      const std::string& letter = octets ? kSmall : kLarge;
      World world(agreement.mechanism, {.octets = octets}, letter);
      const auto done = world.run(agreement);
      CHECK_MESSAGE(done.has_value(), (done ? "" : done.error().text()));
      CHECK(world.taken.octets == letter);
      const bool sealed = agreement.protection == sasl::Protection::confidentiality;
      CHECK((world.between.to_client().find(kBusiness) == std::string::npos) == sealed);
      CHECK((world.between.to_server().find(kBusiness) == std::string::npos) == sealed);
    }
  }
}

TEST_CASE("RFC 9051 6.2.2: capabilities that were told outside of the layer, with the outcome too, count no more") {
  io::SimulatedLoop loop;
  auto ends = wire::memory_connections();
  auto server = [&]() -> io::Task<> {
    wire::Input input;
    (void)co_await io::write_all(*ends.server, "* OK [CAPABILITY IMAP4rev1 AUTH=GSSAPI SASL-IR FALSE] hi\r\n");
    const std::string auth = co_await wire::saslsec::hear_line(*ends.server, input);
    auto layer = co_await wire::saslsec::agree(*ends.server, input, auth.substr(auth.rfind(' ') + 1), "+ ", "imap");
    (void)co_await io::write_all(*ends.server, "A1 OK [CAPABILITY IMAP4rev1 FALSE] in\r\n");
    const auto over = wire::saslsec::secured(*ends.server, std::move(layer), input.view());
    input.clear();
    CHECK(co_await wire::saslsec::hear_line(*over, input) == "A2 CAPABILITY");
    (void)co_await io::write_all(*over, "* CAPABILITY IMAP4rev1 TRUE\r\nA2 OK\r\n");
    ends.server->close();
  };
  loop.spawn(server());
  auto session = [&]() -> io::Task<Result<>> {
    Client client(*ends.client);
    CO_TRY(co_await client.greet());
    CO_TRY(co_await client.log_in(wire::saslsec::credentials_for({"GSSAPI", sasl::Protection::confidentiality}, "imap"),
                                  sasl::Plaintext::refused));
    const auto* const told = CO_TRY(co_await client.capabilities());
    CHECK(told->has("TRUE"));
    CHECK(!told->has("FALSE"));
    co_return Result<>();
  };
  CHECK(test::sync_wait(loop, session()));
  loop.destroy_tasks();
}

TEST_CASE("where a layer is demanded, nothing that has none is used, and no password is told") {
  for (const std::string_view only : {"SCRAM-SHA-256", "PLAIN", "CRAM-MD5", ""}) {
    World world(only);
    const auto done = world.run({"DIGEST-MD5", sasl::Protection::integrity});
    REQUIRE(!done);
    CHECK(done.error().is(kNoMechanism));
    CHECK(world.between.to_server().find("AUTH") == std::string::npos);
    CHECK(world.between.to_server().find("LOGIN") == std::string::npos);
  }
}

TEST_CASE("a connection under a layer that ends after any octet is trouble of the moment") {
  for (const Agreement& agreement : {kAgreements[0], kAgreements[3]}) {
    World whole(agreement.mechanism);
    REQUIRE(whole.run(agreement));
    const std::size_t all = whole.between.to_client().size();
    for_each_end(all, [&](const Between::Fault& fault) {
      World world(agreement.mechanism, fault);
      const auto done = world.run(agreement);
      if (!done) CHECK(trouble_of_the_moment(done.error()));
    });
  }
}

TEST_CASE("a layer that does not open is trouble of the moment, and nothing of its buffer is taken") {
  for (const Agreement& agreement : {kAgreements[0], kAgreements[1]}) {
    CAPTURE(agreement.mechanism);
    World whole(agreement.mechanism);
    REQUIRE(whole.run(agreement));
    const std::string& said = whole.between.to_client();
    const std::size_t outcome = said.find("\r\n", said.rfind(" OK ", said.find('\0'))) + 2;
    for_each_spoilt(outcome, said.size(), [&](const Between::Fault& fault) {
      World world(agreement.mechanism, fault);
      const auto done = world.run(agreement);
      CHECK(!world.why_not);
      if (done) return;
      CHECK(trouble_of_the_moment(done.error()));
      CHECK(kSmall.starts_with(world.taken.octets));
    });
  }
}

}  // namespace angarium::protocol::imap
