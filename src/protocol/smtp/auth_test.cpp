// AUTH by every mechanism (RFC 4954), and what follows.
#include "protocol/smtp/memory_backend.h"
#include "protocol/smtp/server.h"
#include "wire/saslsec/test_line_client.h"

namespace angarium::protocol::smtp {
namespace {

using wire::saslsec::LineClient;
using Terms = LineClient::Terms;

/// A submission server with every mechanism switched on.
struct Bench {
  io::SimulatedLoop loop;
  MemoryHouse house;
  Policy policy;
  wire::MemoryConnections ends;
  std::unique_ptr<LineClient> client;

  explicit Bench(wire::MemoryConnectionOptions options = {}) {
    furnish(house);
    policy.role = Role::submission;
    policy.hostname = "mail.example.test";
    policy.tls = TlsUse::offered;
    policy.auth = AuthUse::required;
    policy.plaintext = PlaintextAuth::always;
    for (const sasl::Mechanism* one : sasl::mechanisms()) policy.mechanisms.emplace_back(one->name);
    ends = wire::memory_connections(std::move(options));
    client = std::make_unique<LineClient>(loop, std::move(ends.client), "334 ");
    loop.spawn(run(*this));
    REQUIRE(client->hear().starts_with("220 "));
  }
  ~Bench() {
    client->connection().close();
    loop.settle();
  }
  static io::Task<> run(Bench& bench) {
    MemorySession session(bench.house);
    co_await serve(*bench.ends.server, session, bench.policy);
  }
  std::string hello() { return client->say("EHLO c.test"); }
  std::string auth(std::string_view mechanism, Terms terms = {}) {
    terms.service = "smtp";
    return client->authenticate("AUTH", mechanism, terms);
  }
};

TEST_CASE("each mechanism lets in who knows the password") {
  for (const std::string_view mechanism : wire::saslsec::kByPassword) {
    CAPTURE(mechanism);
    Bench bench;
    bench.hello();
    CHECK(bench.auth(mechanism) == "235 2.7.0 Authentication successful");
    CHECK(bench.client->say("MAIL FROM:<alice@example.test>").starts_with("250 "));
  }
}

TEST_CASE("tickets let in who has one for smtp, and by LMTP for lmtp (RFC 2033 §4.4)") {
  for (const std::string_view mechanism : {"GSSAPI", "GS2-KRB5"}) {
    CAPTURE(mechanism);
    Bench bench;
    bench.hello();
    CHECK(bench.auth(mechanism) == "235 2.7.0 Authentication successful");
    Bench other;
    other.hello();
    CHECK(other.client->authenticate("AUTH", mechanism, {.service = "imap"}) ==
          "535 5.7.8 Authentication credentials invalid");
    CHECK(other.auth(mechanism, {.acting_as = "bob"}).starts_with("535 5.7.8"));
    other.house.trouble = Error(sasl::kUnavailable, "the keytab is away");
    CHECK(other.auth(mechanism) == "454 4.7.0 Temporary authentication failure");
    Bench lmtp;
    lmtp.policy.role = Role::lmtp;
    CHECK(lmtp.client->say("LHLO c.test").find("GSSAPI") != std::string::npos);
    CHECK(lmtp.client->say("MAIL FROM:<alice@example.test>").starts_with("530 5.7.0"));
    CHECK(lmtp.auth(mechanism).starts_with("535 5.7.8"));
    CHECK(lmtp.client->authenticate("AUTH", mechanism, {.service = "lmtp"}) == "235 2.7.0 Authentication successful");
    CHECK(lmtp.client->say("MAIL FROM:<alice@example.test>").starts_with("250 "));
  }
}

TEST_CASE("a wrong password, an unknown name and a name that may not be acted as end as RFC 4954 §6 says") {
  for (const std::string_view mechanism : wire::saslsec::kByPassword) {
    CAPTURE(mechanism);
    Bench bench;
    bench.hello();
    const std::string wrong = bench.auth(mechanism, {.password = "something else"});
    CHECK(wrong == "535 5.7.8 Authentication credentials invalid");
    CHECK(bench.auth(mechanism, {.name = "nobody"}) == wrong);
    CHECK(bench.client->say("MAIL FROM:<alice@example.test>").starts_with("530 5.7.0"));
    CHECK(bench.auth(mechanism) == "235 2.7.0 Authentication successful");
  }
  for (const std::string_view mechanism : {"PLAIN", "SCRAM-SHA-512", "DIGEST-MD5"}) {
    CAPTURE(mechanism);
    Bench bench;
    bench.hello();
    CHECK(bench.auth(mechanism, {.acting_as = "bob"}).starts_with("535 5.7.8"));
  }
}

TEST_CASE("what cannot be judged now is 454, whatever the mechanism") {
  for (const std::string_view mechanism : wire::saslsec::kByPassword) {
    CAPTURE(mechanism);
    Bench bench;
    bench.hello();
    bench.house.trouble = Error(sasl::kUnavailable, "the directory is away");
    CHECK(bench.auth(mechanism) == "454 4.7.0 Temporary authentication failure");
  }
}

TEST_CASE("one-time passwords are good for one time, and the state is replaced before success is told") {
  for (const std::string_view mechanism : {"OTP", "SKEY"}) {
    CAPTURE(mechanism);
    Bench bench;
    bench.hello();
    const std::uint32_t before = bench.house.otp["alice"].sequence;
    CHECK(bench.auth(mechanism, {.password = "not the phrase at all"}).starts_with("535 "));
    CHECK(bench.house.otp["alice"].sequence == before);
    CHECK(bench.auth(mechanism).starts_with("235 "));
    CHECK(bench.house.otp["alice"].sequence == before - 1);
  }
}

TEST_CASE("tokens speak for their owner, and a refused one is told why before 535 (RFC 7628 §3.2.2)") {
  for (const std::string_view mechanism : {"OAUTHBEARER", "XOAUTH2"}) {
    CAPTURE(mechanism);
    Bench bench;
    bench.hello();
    CHECK(bench.auth(mechanism, {.password = "somebody-elses"}).starts_with("535 "));
    CHECK(bench.auth(mechanism, {.password = "token-of-alice"}).starts_with("235 "));
  }
}

TEST_CASE("EXTERNAL is announced where the connection has proved a name, and works by it") {
  Bench bench;
  CHECK(bench.hello().find("EXTERNAL") == std::string::npos);
  CHECK(bench.client->say("AUTH EXTERNAL =").starts_with("538 5.7.11"));
  bench.house.external_identity = "alice";
  CHECK(bench.hello().find("EXTERNAL") != std::string::npos);
  CHECK(bench.client->say("AUTH EXTERNAL Ym9i").starts_with("535 "));
  CHECK(bench.client->say("AUTH EXTERNAL =").starts_with("235 "));
}

TEST_CASE("-PLUS works under TLS, is not for open lines, and a list without it is not believed") {
  wire::MemoryConnectionOptions options;
  options.encrypted = true;
  for (const std::string_view mechanism : {"SCRAM-SHA-512-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"}) {
    CAPTURE(mechanism);
    Bench bench(options);
    CHECK(bench.hello().find(mechanism) != std::string::npos);
    CHECK(bench.auth(mechanism, {.password = "wrong"}).starts_with("535 "));
    CHECK(bench.auth(mechanism).starts_with("235 "));
  }
  Bench open;
  CHECK(open.hello().find("PLUS") == std::string::npos);
  CHECK(open.client->say("AUTH SCRAM-SHA-512-PLUS").starts_with("538 5.7.11"));
}

TEST_CASE("538 only for what is switched on and lacks TLS, 534 for what is off and weak, 504 for what is off or none") {
  Bench bench;
  bench.policy.plaintext = PlaintextAuth::never;
  std::erase(bench.policy.mechanisms, "CRAM-MD5");
  std::erase(bench.policy.mechanisms, "OTP");
  std::erase(bench.policy.mechanisms, "SCRAM-SHA-512");
  CHECK(bench.hello().find("CRAM-MD5") == std::string::npos);
  CHECK(bench.client->say("AUTH PLAIN") == "538 5.7.11 Encryption required for requested authentication mechanism");
  CHECK(bench.client->say("AUTH XOAUTH2 x").starts_with("538 5.7.11"));
  CHECK(bench.client->say("AUTH CRAM-MD5") == "534 5.7.9 Authentication mechanism is too weak");
  CHECK(bench.client->say("AUTH OTP AGFsaWNl").starts_with("534 5.7.9"));
  CHECK(bench.client->say("AUTH SCRAM-SHA-512").starts_with("504 5.5.4"));
  CHECK(bench.client->say("AUTH KERBEROS_V4").starts_with("504 5.5.4"));
}

TEST_CASE("without keys for a mechanism a password transition is needed, and PLAIN makes it (RFC 4954 §6)") {
  Bench bench;
  bench.house.without_keys["alice"] = true;
  bench.hello();
  CHECK(bench.auth("CRAM-MD5").starts_with("432 4.7.12 "));
  CHECK(bench.auth("PLAIN").starts_with("235 "));
  Bench after;
  after.hello();
  CHECK(after.auth("CRAM-MD5").starts_with("235 "));
}

TEST_CASE("who is turned away at the end of an exchange is not logged in, may try again, and has made no guess") {
  for (const std::string_view mechanism : {"PLAIN", "SCRAM-SHA-256", "DIGEST-MD5"}) {
    CAPTURE(mechanism);
    Bench bench;
    bench.hello();
    bench.house.turns_logins_away = true;
    // What was agreed on does not begin, either.
    CHECK(bench
              .auth(mechanism,
                    {.protection = mechanism == "DIGEST-MD5" ? sasl::Protection::integrity : sasl::Protection::none})
              .starts_with("454 4.7.0"));
    CHECK(bench.house.offences.empty());
    CHECK(bench.client->say("MAIL FROM:<alice@example.test>").starts_with("530 5.7.0"));
    bench.house.turns_logins_away = false;
    CHECK(bench.auth(mechanism).starts_with("235 "));
    CHECK(bench.house.logged_in == std::vector<std::string>{"alice"});
  }
}

TEST_CASE("RFC 3207 4.2: who was logged in is nobody behind STARTTLS, and who was nobody is not told so") {
  Bench bench;
  bench.hello();
  REQUIRE(bench.auth("PLAIN").starts_with("235 "));
  REQUIRE(bench.client->start_tls().starts_with("220 "));
  CHECK(bench.house.logged_in == std::vector<std::string>{"alice", ""});
  bench.hello();
  CHECK(bench.client->say("MAIL FROM:<alice@example.test>").starts_with("530 5.7.0"));
  Bench other;
  other.hello();
  REQUIRE(other.client->start_tls().starts_with("220 "));
  CHECK(other.house.logged_in.empty());
}

TEST_CASE("exchanges are cancelled by *, and broken ones are refused (RFC 4954 §4)") {
  for (const std::string_view mechanism :
       {"CRAM-MD5", "DIGEST-MD5", "LOGIN", "PLAIN", "OTP", "SKEY", "NTLM", "SCRAM-SHA-512", "OAUTHBEARER", "XOAUTH2"}) {
    CAPTURE(mechanism);
    Bench bench;
    bench.hello();
    const std::string command = "AUTH " + std::string(mechanism);
    CHECK(bench.client->say(command).starts_with("334"));
    CHECK(bench.client->say("*").starts_with("501 5.7.0"));
    CHECK(bench.client->say(command).starts_with("334"));
    CHECK(bench.client->say("!!!").starts_with("501 5.5.2"));
    CHECK(bench.client->say(command).starts_with("334"));
    const std::string nonsense = bench.client->say("AAAA");
    CAPTURE(nonsense);
    CHECK((nonsense.starts_with("501 5.5.2") || nonsense.starts_with("535 ") || nonsense.starts_with("334")));
  }
}

TEST_CASE("an initial response where the server speaks first is refused") {
  Bench bench;
  bench.hello();
  CHECK(bench.client->say("AUTH CRAM-MD5 YWxpY2U=").starts_with("501 "));
}

TEST_CASE("under a security layer the session begins anew, and all that follows is protected") {
  for (const std::string_view mechanism : {"DIGEST-MD5", "GSSAPI"})
    for (const auto protection : {sasl::Protection::integrity, sasl::Protection::confidentiality}) {
      CAPTURE(mechanism);
      Bench bench;
      const std::string list = bench.hello();
      CHECK(bench.auth(mechanism, {.protection = protection}).starts_with("235 "));
      REQUIRE(bench.client->secure());
      // RFC 4954 §4: nothing of before counts, but who it is; the list is the same.
      CHECK(bench.client->say("MAIL FROM:<alice@example.test>").starts_with("503 "));
      const std::string again = bench.hello();
      const auto mechanisms = [](const std::string& text) {
        const std::size_t at = text.find("AUTH ");
        return text.substr(at, text.find('|', at) - at);
      };
      CHECK(mechanisms(again) == mechanisms(list));
      CHECK(again.find("STARTTLS") == std::string::npos);
      CHECK(bench.client->say("AUTH PLAIN").starts_with("503 5.5.1"));
      CHECK(bench.client->say("MAIL FROM:<alice@example.test>").starts_with("250 "));
      CHECK(bench.client->say("RCPT TO:<alice@example.test>").starts_with("250 "));
      CHECK(bench.client->say("DATA").starts_with("354 "));
      CHECK(bench.client->say("Subject: " + std::string(70'000, 'x') + "\r\n.").starts_with("250 "));
      REQUIRE(bench.house.messages.size() == 1);
      CHECK(bench.house.messages[0].user == "alice");
      CHECK(bench.client->say("QUIT").starts_with("221 "));
    }
}

TEST_CASE("octets in the clear behind an exchange with a layer end the connection") {
  Bench bench;
  bench.hello();
  CHECK(bench.auth("DIGEST-MD5", {.protection = sasl::Protection::integrity}).starts_with("235 "));
  // Somebody between, who does not know the key.
  wire::Connection& below = bench.client->below();
  REQUIRE(below.try_write(std::string_view("MAIL FROM:<alice@example.test>\r\nRSET\r\n")));
  bench.loop.settle();
  CHECK(bench.house.messages.empty());
  std::string room(100, '\0');
  CHECK(below.try_read({room.data(), room.size()}).error().is(io::kEndOfStream));
}

TEST_CASE("under TLS no second layer is agreed on") {
  wire::MemoryConnectionOptions options;
  options.encrypted = true;
  Bench bench(options);
  bench.hello();
  // The client insists, and gives up.
  CHECK(bench.auth("DIGEST-MD5", {.protection = sasl::Protection::integrity}).starts_with("501 5.7.0"));
  CHECK(bench.auth("DIGEST-MD5").starts_with("235 "));
  CHECK(!bench.client->secure());
}

}  // namespace
}  // namespace angarium::protocol::smtp
