// AUTH by every mechanism (RFC 5034), APOP, and what follows.
#include "protocol/pop3/memory_backend.h"
#include "protocol/pop3/server.h"
#include "sasl/apop.h"
#include "wire/saslsec/test_line_client.h"

namespace angarium::protocol::pop3 {
namespace {

using wire::saslsec::LineClient;
using Terms = LineClient::Terms;

/// A server with every mechanism switched on, and Alice's maildrop.
struct Bench {
  io::SimulatedLoop loop;
  MemoryHouse house;
  ServerOptions options;
  wire::MemoryConnections ends;
  std::unique_ptr<LineClient> client;
  std::string greeting;

  explicit Bench(wire::MemoryConnectionOptions connection = {}, Apop apop = Apop::off) {
    furnish(house.logins);
    house.users["alice"] = {.password = "open sesame 7", .messages = {{"u1", "Subject: a\r\n\r\nfirst\r\n"}}};
    house.users["guest"] = {.password = "nobody knows it", .messages = {{"g1", "Subject: g\r\n\r\nfor all\r\n"}}};
    options.plaintext_without_tls = sasl::Plaintext::allowed;
    options.failures_max = 10;
    options.failure_delay = Duration::zero();
    options.apop = apop;
    options.mechanisms.clear();
    for (const sasl::Mechanism* one : sasl::mechanisms()) options.mechanisms.push_back(one->name);
    ends = wire::memory_connections(std::move(connection));
    client = std::make_unique<LineClient>(loop, std::move(ends.client), "+ ");
    loop.spawn(run(*this));
    greeting = client->hear();
  }
  ~Bench() {
    client->connection().close();
    loop.settle();
  }
  static io::Task<> run(Bench& bench) {
    MemoryAuthenticator authenticator(bench.house);
    co_await serve(*bench.ends.server, authenticator, bench.options);
  }
  std::string auth(std::string_view mechanism, Terms terms = {}) {
    terms.service = "pop";
    return client->authenticate("AUTH", mechanism, terms);
  }
  std::string apop(std::string_view name, std::string_view password) {
    const std::string timestamp = greeting.substr(greeting.find('<'));
    return client->say("APOP " + std::string(name) + " " + *sasl::apop_digest(timestamp, password));
  }
};

constexpr std::string_view kWrong = "-ERR [AUTH] the user name or password is wrong";

TEST_CASE("each mechanism lets in who knows the password, and nobody else") {
  for (const std::string_view mechanism : wire::saslsec::kByPassword) {
    CAPTURE(mechanism);
    Bench bench;
    CHECK(bench.client->say("CAPA").find(mechanism) != std::string::npos);
    CHECK(bench.auth(mechanism, {.password = "something else"}) == kWrong);
    CHECK(bench.auth(mechanism, {.name = "nobody"}) == kWrong);
    CHECK(bench.auth(mechanism).starts_with("+OK maildrop has 1 "));
    CHECK(bench.client->say("STAT").starts_with("+OK 1 "));
  }
}

TEST_CASE("what cannot be judged now is [SYS/TEMP] (RFC 3206 §3)") {
  for (const std::string_view mechanism : wire::saslsec::kByPassword) {
    CAPTURE(mechanism);
    Bench bench;
    bench.house.fail_verify = Error(sasl::kUnavailable, "the directory is away");
    CHECK(bench.auth(mechanism).starts_with("-ERR [SYS/TEMP] "));
  }
}

TEST_CASE("one-time passwords and tokens") {
  for (const std::string_view mechanism : {"OTP", "SKEY"}) {
    Bench bench;
    const std::uint32_t before = bench.house.logins.otp["alice"].sequence;
    CHECK(bench.auth(mechanism, {.password = "not the phrase at all"}) == kWrong);
    CHECK(bench.auth(mechanism).starts_with("+OK "));
    CHECK(bench.house.logins.otp["alice"].sequence == before - 1);
  }
  for (const std::string_view mechanism : {"OAUTHBEARER", "XOAUTH2"}) {
    Bench bench;
    CHECK(bench.auth(mechanism, {.password = "somebody-elses"}) == kWrong);
    CHECK(bench.auth(mechanism, {.password = "token-of-alice"}).starts_with("+OK "));
  }
}

TEST_CASE("guests read what is for them (RFC 4505)") {
  Bench bench;
  CHECK(bench.client->say("AUTH ANONYMOUS c2lyaGM=").starts_with("+OK maildrop has 1 "));
  CHECK(bench.client->say("UIDL 1") == "+OK 1 g1");
  Bench closed;
  closed.house.logins.guests = false;
  CHECK(closed.client->say("AUTH ANONYMOUS c2lyaGM=") == kWrong);
}

TEST_CASE("without keys a password transition is needed, and USER and PASS make it") {
  Bench bench;
  bench.house.logins.without_keys["alice"] = true;
  CHECK(bench.auth("CRAM-MD5").starts_with("-ERR [AUTH] "));
  CHECK(bench.client->say("USER alice").starts_with("+OK"));
  CHECK(bench.client->say("PASS open sesame 7").starts_with("+OK"));
  CHECK(!bench.house.logins.without_keys.contains("alice"));
}

TEST_CASE("APOP compares with the password that is kept (RFC 1939 §7)") {
  Bench bench({}, Apop::on);
  CHECK(bench.apop("alice", "something else") == kWrong);
  CHECK(bench.apop("nobody", "open sesame 7") == kWrong);
  // The digest that a name without a key is compared with opens nothing.
  CHECK(bench.apop("nobody", "nobody's") == kWrong);
  CHECK(bench.apop("alice", "open sesame 7").starts_with("+OK maildrop has 1 "));
}

TEST_CASE("each mechanism is cancelled by *, and a broken exchange is over") {
  for (const std::string_view mechanism :
       {"CRAM-MD5", "DIGEST-MD5", "LOGIN", "PLAIN", "OTP", "SKEY", "NTLM", "SCRAM-SHA-512", "OAUTHBEARER", "XOAUTH2"}) {
    CAPTURE(mechanism);
    Bench bench;
    const std::string command = "AUTH " + std::string(mechanism);
    CHECK(bench.client->say(command).starts_with("+ "));
    CHECK(bench.client->say("*") == "-ERR the client cancelled the authentication");
    CHECK(bench.client->say(command).starts_with("+ "));
    CHECK(bench.client->say("!!!").starts_with("-ERR "));
    CHECK(bench.client->say("NOOP").starts_with("-ERR log in first"));
  }
}

TEST_CASE("tickets let in who has one for pop, as nobody else") {
  for (const std::string_view mechanism : {"GSSAPI", "GS2-KRB5"}) {
    CAPTURE(mechanism);
    Bench bench;
    CHECK(bench.client->say("CAPA").find(mechanism) != std::string::npos);
    CHECK(bench.client->authenticate("AUTH", mechanism, {.service = "imap"}).starts_with("-ERR [AUTH]"));
    CHECK(bench.auth(mechanism, {.acting_as = "bob"}).starts_with("-ERR [AUTH]"));
    CHECK(bench.auth(mechanism).starts_with("+OK maildrop has 1 "));
  }
}

TEST_CASE("a security layer holds for all that follows +OK (RFC 5034 §4)") {
  for (const std::string_view mechanism : {"DIGEST-MD5", "GSSAPI"})
    for (const auto protection : {sasl::Protection::integrity, sasl::Protection::confidentiality}) {
      CAPTURE(mechanism);
      Bench bench;
      const std::string before = bench.client->say("CAPA");
      CHECK(bench.auth(mechanism, {.protection = protection}).starts_with("+OK maildrop has 1 "));
      REQUIRE(bench.client->secure());
      const std::string after = bench.client->say("CAPA");
      const auto mechanisms = [](const std::string& text) {
        const std::size_t at = text.find("SASL ");
        return text.substr(at, text.find('|', at) - at);
      };
      CHECK(mechanisms(after) == mechanisms(before));
      CHECK(bench.client->say("RETR 1").find("|first|.") != std::string::npos);
      CHECK(bench.client->say("QUIT").starts_with("+OK"));
    }
}

TEST_CASE("who is not let in after all gets no layer") {
  Bench bench;
  bench.house.fail_open = Error(kInUse, "another session holds this maildrop");
  CHECK(bench.auth("DIGEST-MD5", {.protection = sasl::Protection::integrity}).starts_with("-ERR [IN-USE]"));
  // Both sides go on in the clear.
  CHECK(!bench.client->secure());
  CHECK(bench.client->say("STAT") == "-ERR log in first");
}

}  // namespace
}  // namespace angarium::protocol::pop3
