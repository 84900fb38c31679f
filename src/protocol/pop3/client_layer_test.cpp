// The client under security layers (RFC 4422 §3.7, RFC 5034 §4), against our own server and whoever is between.
#include "protocol/pop3/client.h"
#include "protocol/pop3/memory_backend.h"
#include "protocol/pop3/server.h"
#include "support/run.h"
#include "wire/saslsec/test_between.h"
#include "wire/saslsec/test_line_client.h"

namespace angarium::protocol::pop3 {
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

struct Collector final : MessageSink {
  std::string octets;
  bool whole = false;
  Result<> begin(Number) override { return {}; }
  io::ValueOrTask<Result<>> append(std::string_view more) override {
    octets += more;
    return Result<>{};
  }
  io::ValueOrTask<Result<>> end(Number) override {
    whole = true;
    return Result<>{};
  }
  Result<> refused(Number, const Error&) override { return {}; }
};

/// A server without TLS, whoever is between, and a client that logs in, takes the letter there and removes it.
struct World : WorldBetween {
  MemoryHouse house;
  ServerOptions options;
  Collector taken;
  std::vector<std::string> capabilities;

  explicit World(std::string_view mechanism, Between::Fault fault = {}, const std::string& letter = kSmall)
      : WorldBetween(fault) {
    furnish(house.logins);
    house.users["alice"] = {.password = "open sesame 7", .messages = {{"u1", letter}}};
    options.mechanisms = {mechanism};
    options.plaintext_without_tls = sasl::Plaintext::allowed;
    loop.spawn(serve_it());
  }
  ~World() { loop.destroy_tasks(); }

  io::Task<> serve_it() {
    MemoryAuthenticator authenticator(house);
    co_await serve(between.server_end(), authenticator, options);
    between.server_end().close();
  }
  static Credentials credentials(const Agreement& agreement) {
    sasl::ClientContext made = wire::saslsec::credentials_for(agreement, "pop");
    return {.identity = made.identity,
            .password = std::move(made.password),
            .has = made.has,
            .weak = sasl::Choice::Weak::allowed,
            .host = made.host,
            .protection_min = made.protection_min,
            .protection_max = made.protection_max,
            .gss = std::move(made.gss)};
  }
  io::Task<Result<>> work(Credentials credentials) {
    Client client(between.client_end(), {.plaintext_without_tls = sasl::Plaintext::allowed});
    CO_TRY(co_await client.greeting());
    CO_TRY(co_await client.login(std::move(credentials)));
    for (const Capability& one : client.capabilities()) capabilities.push_back(one.keyword);
    const Number number = 1;
    CO_TRY(co_await client.retr({&number, 1}, taken));
    CO_TRY(co_await client.dele({&number, 1}));
    co_return co_await client.quit();
  }
  Result<> run(const Agreement& agreement) { return test::sync_wait(loop, work(credentials(agreement))); }
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
      CHECK(world.house.users["alice"].messages.empty());
      const bool sealed = agreement.protection == sasl::Protection::confidentiality;
      CHECK((world.between.to_client().find(kBusiness) == std::string::npos) == sealed);
      // RFC 5034 §4: what was told before the layer is forgotten, and asked for anew under it.
      CHECK(!world.capabilities.empty());
    }
  }
}

TEST_CASE("RFC 5034 4: capabilities that were told before the layer count no more") {
  World world("GSSAPI");
  REQUIRE(world.run({"GSSAPI", sasl::Protection::integrity}));
  const std::string& heard = world.between.to_server();
  const std::size_t first = heard.find("CAPA\r\n");
  REQUIRE(first != std::string::npos);
  // Under the layer a length, a mark and a number stand before it.
  CHECK(heard.find(std::string("\0\0\0\x08i", 5) + '\1' + "CAPA\r\n") != std::string::npos);
}

TEST_CASE("where a layer is demanded, nothing that has none is used, and no password is told") {
  for (const std::string_view only : {"SCRAM-SHA-256", "PLAIN", "CRAM-MD5", ""}) {
    World world(only);
    const auto done = world.run({"DIGEST-MD5", sasl::Protection::integrity});
    REQUIRE(!done);
    CHECK(done.error().is(kNoMechanism));
    CHECK(world.between.to_server() == "CAPA\r\n");
  }
}

TEST_CASE("a connection under a layer that ends after any octet removes nothing that was not taken") {
  for (const Agreement& agreement : {kAgreements[0], kAgreements[3]}) {
    World whole(agreement.mechanism);
    REQUIRE(whole.run(agreement));
    const std::size_t all = whole.between.to_client().size();
    for_each_end(all, [&](const Between::Fault& fault) {
      World world(agreement.mechanism, fault);
      const auto done = world.run(agreement);
      if (!done) CHECK(trouble_of_the_moment(done.error()));
      if (world.house.users["alice"].messages.empty()) CHECK(world.taken.octets == kSmall);
    });
  }
}

TEST_CASE("a layer that does not open is trouble of the moment, and nothing of its buffer is taken") {
  for (const Agreement& agreement : {kAgreements[0], kAgreements[1]}) {
    CAPTURE(agreement.mechanism);
    World whole(agreement.mechanism);
    REQUIRE(whole.run(agreement));
    const std::string& said = whole.between.to_client();
    const std::size_t outcome = said.find("\r\n", said.rfind("+OK", said.find('\0'))) + 2;
    for_each_spoilt(outcome, said.size(), [&](const Between::Fault& fault) {
      World world(agreement.mechanism, fault);
      const auto done = world.run(agreement);
      if (world.taken.whole) CHECK(world.taken.octets == kSmall);
      if (done) return;
      CHECK(trouble_of_the_moment(done.error()));
    });
  }
}

}  // namespace angarium::protocol::pop3
