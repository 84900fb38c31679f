// AUTHENTICATE by every mechanism (RFC 9051 §6.2.2), and what follows.
#include "protocol/imap/testing.h"
#include "wire/saslsec/test_line_client.h"

namespace angarium::protocol::imap {
namespace {

using wire::saslsec::LineClient;
using Terms = LineClient::Terms;
using Plaintext = MemoryAuthenticator::Plaintext;

/// A server with every mechanism switched on.
struct Bench {
  io::SimulatedLoop loop;
  std::shared_ptr<MemoryStore> store = testing::make_store();
  std::shared_ptr<ServerOptions> options = std::make_shared<ServerOptions>();
  wire::MemoryConnections ends;
  std::unique_ptr<LineClient> client;
  std::string greeting;

  explicit Bench(wire::MemoryConnectionOptions connection = {}, Plaintext plaintext = Plaintext::always) {
    store->add_account("alice", "open sesame 7");
    store->add_account("guest", "nobody knows it");
    furnish(store->logins);
    store->mechanisms.clear();
    for (const sasl::Mechanism* one : sasl::mechanisms()) store->mechanisms.emplace_back(one->name);
    ends = wire::memory_connections(std::move(connection));
    client = std::make_unique<LineClient>(loop, std::move(ends.client), "+ ");
    loop.spawn(testing::serve(store, options, plaintext, *ends.server));
    greeting = client->hear();
  }
  ~Bench() {
    client->connection().close();
    loop.settle();
  }
  std::string auth(std::string_view mechanism, Terms terms = {}) {
    terms.service = "imap";
    return client->authenticate("a AUTHENTICATE", mechanism, terms);
  }
};

constexpr std::string_view kWrong = "a NO [AUTHENTICATIONFAILED] Authentication failed";

TEST_CASE("each mechanism lets in who knows the password, and nobody else") {
  for (const std::string_view mechanism : wire::saslsec::kByPassword) {
    CAPTURE(mechanism);
    Bench bench;
    CHECK(bench.greeting.find(" AUTH=" + std::string(mechanism)) != std::string::npos);
    CHECK(bench.auth(mechanism, {.password = "something else"}) == kWrong);
    CHECK(bench.auth(mechanism, {.name = "nobody"}) == kWrong);
    CHECK(bench.auth(mechanism).starts_with("a OK [CAPABILITY "));
    CHECK(bench.client->say("b SELECT INBOX").find("b OK [READ-WRITE]") != std::string::npos);
  }
}

TEST_CASE("tickets let in who has one for imap, as nobody else") {
  for (const std::string_view mechanism : {"GSSAPI", "GS2-KRB5"}) {
    CAPTURE(mechanism);
    Bench bench;
    CHECK(bench.greeting.find(" AUTH=" + std::string(mechanism)) != std::string::npos);
    CHECK(bench.client->authenticate("a AUTHENTICATE", mechanism, {.service = "smtp"}) == kWrong);
    CHECK(bench.auth(mechanism, {.acting_as = "bob"}).starts_with("a NO [AUTHORIZATIONFAILED]"));
    bench.store->logins.trouble = Error(sasl::kUnavailable, "the keytab is away");
    CHECK(bench.auth(mechanism).starts_with("a NO [UNAVAILABLE] "));
    bench.store->logins.trouble.reset();
    CHECK(bench.auth(mechanism).starts_with("a OK [CAPABILITY "));
    CHECK(bench.client->say("b SELECT INBOX").find("b OK [READ-WRITE]") != std::string::npos);
  }
}

TEST_CASE("what cannot be judged now is [UNAVAILABLE] (RFC 5530)") {
  for (const std::string_view mechanism : wire::saslsec::kByPassword) {
    CAPTURE(mechanism);
    Bench bench;
    bench.store->logins.trouble = Error(sasl::kUnavailable, "the directory is away");
    CHECK(bench.auth(mechanism).starts_with("a NO [UNAVAILABLE] "));
  }
}

TEST_CASE("one-time passwords, tokens, certificates and guests") {
  for (const std::string_view mechanism : {"OTP", "SKEY"}) {
    Bench bench;
    const std::uint32_t before = bench.store->logins.otp["alice"].sequence;
    CHECK(bench.auth(mechanism, {.password = "not the phrase at all"}) == kWrong);
    CHECK(bench.auth(mechanism).starts_with("a OK "));
    CHECK(bench.store->logins.otp["alice"].sequence == before - 1);
  }
  for (const std::string_view mechanism : {"OAUTHBEARER", "XOAUTH2"}) {
    Bench bench;
    CHECK(bench.auth(mechanism, {.password = "somebody-elses"}) == kWrong);
    CHECK(bench.auth(mechanism, {.password = "token-of-alice"}).starts_with("a OK "));
  }
  Bench bench;
  CHECK(bench.greeting.find("AUTH=EXTERNAL") == std::string::npos);
  CHECK(bench.client->say("a AUTHENTICATE EXTERNAL =").starts_with("a NO [PRIVACYREQUIRED]"));
  bench.store->logins.external_identity = "alice";
  CHECK(bench.client->say("a AUTHENTICATE EXTERNAL Ym9i").starts_with("a NO [AUTHORIZATIONFAILED]"));
  CHECK(bench.client->say("a AUTHENTICATE EXTERNAL =").starts_with("a OK "));
  Bench guests;
  CHECK(guests.client->say("a AUTHENTICATE ANONYMOUS c2lyaGM=").starts_with("a OK "));
}

TEST_CASE("a mechanism that needs TLS, is off, or is none is told apart (RFC 5530)") {
  Bench bench({}, Plaintext::with_tls);
  std::erase(bench.store->mechanisms, "CRAM-MD5");
  CHECK(bench.client->say("a AUTHENTICATE PLAIN").starts_with("a NO [PRIVACYREQUIRED] "));
  CHECK(bench.client->say("a AUTHENTICATE SCRAM-SHA-256-PLUS").starts_with("a NO [PRIVACYREQUIRED] "));
  CHECK(bench.client->say("a AUTHENTICATE CRAM-MD5") == "a NO [CANNOT] This mechanism is switched off here");
  CHECK(bench.client->say("a AUTHENTICATE FOO") == "a NO [CANNOT] This mechanism is not offered here");
}

TEST_CASE("without keys a password transition is needed, and LOGIN makes it") {
  Bench bench;
  bench.store->logins.without_keys["alice"] = true;
  CHECK(bench.auth("CRAM-MD5").starts_with("a NO [CONTACTADMIN] "));
  CHECK(bench.client->say("b LOGIN alice \"open sesame 7\"").starts_with("b OK "));
  CHECK(!bench.store->logins.without_keys.contains("alice"));
}

TEST_CASE("each mechanism is given up by *, and a broken exchange gets BAD or NO") {
  for (const std::string_view mechanism :
       {"CRAM-MD5", "DIGEST-MD5", "LOGIN", "PLAIN", "OTP", "SKEY", "NTLM", "SCRAM-SHA-512", "OAUTHBEARER", "XOAUTH2"}) {
    CAPTURE(mechanism);
    Bench bench;
    const std::string command = "a AUTHENTICATE " + std::string(mechanism);
    CHECK(bench.client->say(command).starts_with("+ "));
    CHECK(bench.client->say("*") == "a BAD Authentication given up");
    CHECK(bench.client->say(command).starts_with("+ "));
    CHECK(bench.client->say("!!!") == "a BAD Response is not base64");
    CHECK(bench.client->say("b SELECT INBOX").starts_with("b BAD "));
  }
}

TEST_CASE("-PLUS is bound to the channel") {
  wire::MemoryConnectionOptions options;
  options.encrypted = true;
  for (const std::string_view mechanism : {"SCRAM-SHA-512-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"}) {
    CAPTURE(mechanism);
    Bench bench(options);
    CHECK(bench.auth(mechanism, {.password = "wrong"}) == kWrong);
    CHECK(bench.auth(mechanism).starts_with("a OK "));
  }
}

TEST_CASE("a security layer begins behind the tagged OK, which tells no capabilities (RFC 9051 §6.2.2)") {
  for (const std::string_view mechanism : {"DIGEST-MD5", "GSSAPI"})
    for (const auto protection : {sasl::Protection::integrity, sasl::Protection::confidentiality}) {
      CAPTURE(mechanism);
      Bench bench;
      CHECK(bench.auth(mechanism, {.protection = protection}) == "a OK Welcome");
      REQUIRE(bench.client->secure());
      CHECK(bench.client->say("b CAPABILITY").find("STARTTLS") == std::string::npos);
      CHECK(bench.client->say("c SELECT INBOX").find("c OK [READ-WRITE]") != std::string::npos);
      CHECK(bench.client->say("d LOGOUT").find("d OK ") != std::string::npos);
    }
}

TEST_CASE("octets in the clear behind a layer's OK end the connection") {
  Bench bench;
  CHECK(bench.auth("DIGEST-MD5", {.protection = sasl::Protection::integrity}) == "a OK Welcome");
  wire::Connection& below = bench.client->below();
  REQUIRE(below.try_write(std::string_view("b CREATE stolen\r\nc NOOP\r\n")));
  bench.loop.settle();
  CHECK(bench.store->find("alice")->find("stolen") == nullptr);
  std::string room(100, '\0');
  CHECK(!below.try_read({room.data(), room.size()}));
}

}  // namespace
}  // namespace angarium::protocol::imap
