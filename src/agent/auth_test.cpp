// Logins over the real house: which keys an account keeps, what strangers are told, and guests.
#include <functional>

#include "account/password.h"
#include "account/tokens.h"
#include "agent/imap_login.h"
#include "agent/key_verbs.h"
#include "agent/maildrop.h"
#include "agent/settings.h"
#include "agent/tokens.h"
#include "agent/transaction.h"
#include "protocol/imap/server.h"
#include "protocol/pop3/server.h"
#include "protocol/smtp/server.h"
#include "sasl/apop.h"
#include "store/volume_memory.h"
#include "wire/saslsec/test_line_client.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;
using account::Demand;
using wire::saslsec::LineClient;

constexpr std::string_view kAlice = "alice@example.test";
constexpr std::string_view kPassword = "open sesame 7";

configuration::Configuration settings() {
  configuration::Configuration c;
  c.server.hostname = "mail.example.test";
  c.auth.plaintext_without_tls = configuration::PlaintextWithoutTls::always;
  c.auth.argon2_memory_kib = 64;
  c.auth.argon2_passes = 1;
  c.auth.failure_delay = Duration::zero();
  c.auth.failures_max = 100;
  c.auth.apop = true;
  c.auth.anonymous_account = "public@example.test";
  c.auth.mechanisms.clear();
  for (const sasl::Mechanism* one : sasl::mechanisms()) c.auth.mechanisms.emplace_back(one->name);
  c.store.reserve = 0;
  return c;
}

/// Tokens are addresses backwards.
class Backwards final : public account::TokenVerifier {
 public:
  io::Task<Result<std::string>> owner(sasl::Secret token) override {
    const std::string text(token.view());
    if (text == "away") co_return fail(sasl::kUnavailable, "the issuer is away");
    if (text == "over") co_return fail(kTokenOver, "the time of the token is over");
    co_return std::string(text.rbegin(), text.rend());
  }
};

class House {
 public:
  House()
      : services_(*Services::open_on(*store::open_memory_volume(std::make_shared<store::MemoryDisk>()),
                                     store::StateKind::sorted, settings(), loop.clock())),
        submission_{*services_, budget_, rate_,
                    smtp_policy(configuration_, smtp::Role::submission, smtp::TlsUse::none)},
        pop3_{*services_, locks_, pop3_options(configuration_), login_terms(configuration_)},
        imap_(imap_options(configuration_)) {
    submission_.logins = login_terms(configuration_);
    pop3_.options.plaintext_without_tls = sasl::Plaintext::allowed;
    services_->verifier().set_tokens(tokens_);
    REQUIRE(services_->directory().add_domain("example.test"));
    add(kAlice);
    add("public@example.test");
  }
  ~House() {
    for (auto& end : ends_) end->close();
    loop.settle();
  }
  House(const House&) = delete;
  House& operator=(const House&) = delete;

  void add(std::string_view address) {
    const auto credentials = account::make_credentials(kPassword, {.memory_kib = 64, .passes = 1});
    auto made = services_->directory().add_account(
        {.address = std::string(address), .name = "", .quota = {}, .credentials = *credentials},
        [&](const account::Account& account, store::Batch& batch) {
          services_->mail().create_account(account.id, {}, batch);
        });
    REQUIRE(made);
  }
  void want(const std::vector<std::string_view>& names) {
    control::Request request{.verb = "account.auth", .arguments = {{"address", std::string(kAlice)}}};
    for (const std::string_view name : names) request.add("add", name);
    REQUIRE(account_keys(*services_, request));
  }
  account::OnDemand keys() { return services_->directory().account(kAlice).value().value().credentials.on_demand; }

  enum class Protocol { smtp, pop3, imap };
  LineClient connect(Protocol protocol, const std::string& from = "192.0.2.7:4711", wire::TlsInfo tls = {},
                     std::string* greeting = nullptr) {
    wire::MemoryConnectionOptions options;
    options.client = *io::Endpoint::parse(from);
    options.encrypted = !tls.version.empty();
    options.tls = std::move(tls);
    wire::MemoryConnections made = wire::memory_connections(options);
    ends_.push_back(std::move(made.server));
    loop.spawn(speak(protocol, *ends_.back()));
    LineClient client(loop, std::move(made.client), protocol == Protocol::smtp ? "334 " : "+ ");
    const std::string heard = client.hear();
    if (greeting != nullptr) *greeting = heard;
    if (protocol == Protocol::smtp) client.say("EHLO c.test");
    return client;
  }
  /// The last line of an exchange over submission.
  std::string auth(std::string_view mechanism, std::string_view name = kAlice, std::string_view password = kPassword,
                   const std::string& from = "192.0.2.7:4711") {
    LineClient client = connect(Protocol::smtp, from);
    return client.authenticate("AUTH", mechanism,
                               {.name = std::string(name), .password = std::string(password), .service = "smtp"});
  }
  Services& services() { return *services_; }

  io::SimulatedLoop loop;
  configuration::Configuration configuration_ = settings();

 private:
  io::Task<> speak(Protocol protocol, wire::Connection& connection) {
    if (protocol == Protocol::smtp) {
      SmtpSession session(submission_, connection.peer());
      session.attach(connection);
      co_await smtp::serve(connection, session, submission_.policy);
    } else if (protocol == Protocol::pop3) {
      Pop3Authenticator authenticator(pop3_, connection.peer());
      co_await protocol::pop3::serve(connection, authenticator, pop3_.options);
    } else {
      ImapAuthenticator authenticator(*services_, budget_, owners_, configuration_, connection);
      protocol::imap::Server server(connection, authenticator, imap_);
      co_await server.run();
    }
  }

  Backwards tokens_;
  std::unique_ptr<Services> services_;
  Budget budget_{64 << 20};
  Owners owners_{services_->directory(), services_->pool()};
  Rate rate_{0};
  MaildropLocks locks_;
  SmtpDesk submission_;
  Pop3Desk pop3_;
  protocol::imap::ServerOptions imap_;
  std::vector<std::unique_ptr<wire::Connection>> ends_;
};

constexpr std::string_view kDone = "235 2.7.0 Authentication successful";
constexpr std::string_view kWrong = "535 5.7.8 Authentication credentials invalid";
/// What has keys of its own, and the names by which accounts ask for them.
constexpr std::pair<std::string_view, std::string_view> kOwnKeys[] = {{"SCRAM-SHA-512", "scram-sha-512"},
                                                                      {"CRAM-MD5", "cram-md5"},
                                                                      {"DIGEST-MD5", "digest-md5"},
                                                                      {"NTLM", "ntlm"},
                                                                      {"OTP", "otp"},
                                                                      {"SKEY", "skey"}};

TEST_CASE("a mechanism works for accounts that asked for its keys, once the password was given") {
  for (const auto& [mechanism, demand] : kOwnKeys) {
    CAPTURE(mechanism);
    House house;
    CHECK(house.auth(mechanism) == kWrong);
    house.want({demand});
    // Nobody from there has proved anything: it looks as it did.
    CHECK(house.auth(mechanism) == kWrong);
    CHECK(house.auth("PLAIN") == kDone);
    CHECK(house.auth(mechanism) == kDone);
    CHECK(house.auth(mechanism, kAlice, "something else") == kWrong);
  }
}

TEST_CASE("without keys, an unknown name and a wrong password look the same to strangers (RFC 4954 §9)") {
  for (const auto& [mechanism, demand] : kOwnKeys) {
    CAPTURE(mechanism);
    House house;
    house.want({demand});
    const std::string from = "198.51.100.9:99";
    CHECK(house.auth(mechanism, kAlice, kPassword, from) == kWrong);                 // keys are wanted, none are there
    CHECK(house.auth(mechanism, "nobody@example.test", kPassword, from) == kWrong);  // nobody
    CHECK(house.auth(mechanism, "public@example.test", kPassword, from) == kWrong);  // asked for nothing
    CHECK(house.auth("PLAIN") == kDone);
    CHECK(house.auth(mechanism, kAlice, "something else", from) == kWrong);
  }
}

TEST_CASE("who has proved to be the owner is told that a password transition is needed (RFC 4954 §6)") {
  for (const auto& [mechanism, demand] : kOwnKeys) {
    CAPTURE(mechanism);
    House house;
    house.want({demand});
    // A proof without the password: nothing could be made.
    CHECK(house.auth("SCRAM-SHA-256") == kDone);
    CHECK(house.auth(mechanism).starts_with("432 4.7.12 "));
    // Elsewhere, and of others, nobody hears of it.
    CHECK(house.auth(mechanism, kAlice, kPassword, "198.51.100.9:99") == kWrong);
    CHECK(house.auth(mechanism, "public@example.test") == kWrong);
    CHECK(house.auth("PLAIN") == kDone);
    CHECK(house.auth(mechanism) == kDone);
  }
}

TEST_CASE("a new password makes new keys for what was asked for") {
  House house;
  house.want({"cram-md5", "otp"});
  REQUIRE(set_password(house.services(), std::string(kAlice), "another password"));
  CHECK(house.auth("CRAM-MD5", kAlice, "another password") == kDone);
  CHECK(house.auth("CRAM-MD5") == kWrong);
  CHECK(house.auth("OTP", kAlice, "another password") == kDone);
  CHECK(house.auth("NTLM", kAlice, "another password") == kWrong);
}

TEST_CASE("the state of one-time passwords is durable before success, and one login goes on at a time") {
  House house;
  house.want({"otp"});
  REQUIRE(house.auth("PLAIN") == kDone);
  const std::uint32_t before = house.keys().otp->sequence;
  CHECK(house.auth("OTP") == kDone);
  CHECK(house.keys().otp->sequence == before - 1);
  LineClient first = house.connect(House::Protocol::smtp);
  LineClient second = house.connect(House::Protocol::imap);
  const std::string names = to_base64(std::string(1, '\0') + std::string(kAlice));
  CHECK(first.say("AUTH OTP " + names).starts_with("334 "));
  CHECK(second.say("a AUTHENTICATE OTP " + names).starts_with("a NO [UNAVAILABLE] "));
  // Names of nobody are no different.
  LineClient third = house.connect(House::Protocol::smtp);
  LineClient fourth = house.connect(House::Protocol::smtp);
  const std::string nobody = to_base64(std::string(1, '\0') + "nobody@example.test");
  CHECK(third.say("AUTH OTP " + nobody).starts_with("334 "));
  CHECK(fourth.say("AUTH OTP " + nobody).starts_with("454 4.7.0"));
  // Whoever gives up leaves the turn to others.
  CHECK(first.say("*").starts_with("501 "));
  CHECK(second.say("b AUTHENTICATE OTP " + names).starts_with("+ "));
}

TEST_CASE("tokens are judged by who can, and speak for accounts here") {
  House house;
  const std::string token(kAlice.rbegin(), kAlice.rend());
  CHECK(house.auth("OAUTHBEARER", kAlice, token) == kDone);
  CHECK(house.auth("XOAUTH2", kAlice, token) == kDone);
  CHECK(house.auth("XOAUTH2", "public@example.test", token) == kWrong);
  CHECK(house.auth("OAUTHBEARER", kAlice, "tset.elpmaxe@ydobon") == kWrong);
  CHECK(house.auth("OAUTHBEARER", kAlice, "away").starts_with("454 4.7.0"));
}

TEST_CASE("a certificate that somebody vouches for logs its owner in, another one nobody") {
  House house;
  wire::TlsInfo tls = wire::MemoryConnectionOptions().tls;
  tls.peer_mailbox = kAlice;
  LineClient unverified = house.connect(House::Protocol::imap, "192.0.2.7:1", tls);
  CHECK(unverified.say("a AUTHENTICATE EXTERNAL =").starts_with("a NO [CANNOT]"));
  tls.peer_verified = true;
  LineClient imap = house.connect(House::Protocol::imap, "192.0.2.7:1", tls);
  CHECK(imap.say("a AUTHENTICATE EXTERNAL =").starts_with("a OK "));
  LineClient smtp = house.connect(House::Protocol::smtp, "192.0.2.7:1", tls);
  CHECK(smtp.say("EHLO c.test").find(" EXTERNAL") != std::string::npos);
  CHECK(smtp.say("AUTH EXTERNAL " + to_base64("public@example.test")).starts_with("535 "));
  CHECK(smtp.say("AUTH EXTERNAL =") == kDone);
  LineClient pop3 = house.connect(House::Protocol::pop3, "192.0.2.7:1", tls);
  CHECK(pop3.say("AUTH EXTERNAL =").starts_with("+OK "));
  tls.peer_mailbox = "nobody@example.test";
  LineClient nobody = house.connect(House::Protocol::imap, "192.0.2.7:1", tls);
  CHECK(nobody.say("a AUTHENTICATE EXTERNAL =").starts_with("a NO [AUTHENTICATIONFAILED]"));
}

TEST_CASE("APOP works for accounts that let the password be kept") {
  House house;
  const auto apop = [&](std::string_view name) {
    std::string greeting;
    LineClient client = house.connect(House::Protocol::pop3, "192.0.2.7:4711", {}, &greeting);
    const std::string timestamp = greeting.substr(greeting.find('<'));
    return client.say("APOP " + std::string(name) + " " + *sasl::apop_digest(timestamp, kPassword));
  };
  constexpr std::string_view kRefused = "-ERR [AUTH] the user name or password is wrong";
  CHECK(apop(kAlice) == kRefused);
  house.want({"apop"});
  CHECK(house.auth("PLAIN") == kDone);
  CHECK(apop(kAlice).starts_with("+OK maildrop has 0 "));
  CHECK(apop("public@example.test") == kRefused);
  CHECK(apop("nobody@example.test") == kRefused);
}

TEST_CASE("guests read the mailboxes that are for them, change nothing, and send nothing (RFC 4505)") {
  House house;
  LineClient owner = house.connect(House::Protocol::imap);
  REQUIRE(owner.authenticate("a AUTHENTICATE", "PLAIN", {.name = "public@example.test"}).starts_with("a OK"));
  CHECK(owner.say("b APPEND INBOX {28+}\r\nSubject: news\r\n\r\nfor all\r\n..").find("b OK") != std::string::npos);
  CHECK(owner.say("c SETMETADATA INBOX (/private/comment \"mine\" /shared/comment \"ours\")").starts_with("c OK"));
  LineClient guest = house.connect(House::Protocol::imap);
  CHECK(guest.say("a AUTHENTICATE ANONYMOUS c2lyaGM=").starts_with("a OK "));
  const std::string list = guest.say("b LIST \"\" *");
  CHECK(list.find("INBOX") != std::string::npos);
  CHECK(list.find("Sent") == std::string::npos);
  CHECK(guest.say("c SELECT Sent").starts_with("c NO "));
  CHECK(guest.say("d STATUS Drafts (MESSAGES)").starts_with("d NO "));
  const std::string notes = guest.say("d GETMETADATA INBOX (/private/comment /shared/comment)");
  CHECK(notes.find("ours") != std::string::npos);
  CHECK(notes.find("mine") == std::string::npos);
  CHECK(guest.say("e SELECT INBOX").find("e OK [READ-ONLY]") != std::string::npos);
  CHECK(guest.say("f FETCH 1 BODY[TEXT]").find("for all") != std::string::npos);
  for (const std::string_view change :
       {"STORE 1 +FLAGS (\\Deleted)", "EXPUNGE", "MOVE 1 Trash", "COPY 1 INBOX", "COPY 1 Trash", "CREATE x",
        "DELETE Trash", "RENAME INBOX x", "SUBSCRIBE INBOX", "APPEND INBOX {3+}\r\nabc", "REPLACE 1 INBOX {3+}\r\nabc",
        "SETMETADATA INBOX (/shared/comment \"x\")", "SETMETADATA INBOX (/private/comment \"x\")",
        "GETMETADATA Sent /shared/comment", "GETQUOTA \"\"", "STATUS Sent (DELETED-STORAGE)"}) {
    CAPTURE(change);
    CHECK(guest.say("g " + std::string(change)).find("g NO ") != std::string::npos);
  }
  const std::string roots = guest.say("h GETQUOTAROOT INBOX");
  CHECK(roots.find("h OK") != std::string::npos);
  CHECK_MESSAGE(roots.find("* QUOTA ") == std::string::npos, "how full an account is concerns its owner");
  // Any number of them, whoever else is there.
  LineClient pop3 = house.connect(House::Protocol::pop3);
  LineClient another = house.connect(House::Protocol::pop3);
  CHECK(pop3.say("AUTH ANONYMOUS =").starts_with("+OK maildrop has 1 "));
  CHECK(another.say("AUTH ANONYMOUS =").starts_with("+OK maildrop has 1 "));
  CHECK(pop3.say("DELE 1").starts_with("+OK"));
  CHECK(pop3.say("QUIT").starts_with("-ERR"));
  CHECK(another.say("RETR 1").find("for all") != std::string::npos);
  LineClient smtp = house.connect(House::Protocol::smtp);
  CHECK(smtp.say("EHLO c.test").find("ANONYMOUS") == std::string::npos);
  CHECK(smtp.say("AUTH ANONYMOUS c2lyaGM=").starts_with("534 5.7.9"));
}

TEST_CASE("failures of every kind count towards the limit of an address") {
  for (const std::string_view mechanism : {"CRAM-MD5", "OTP", "SCRAM-SHA-512", "PLAIN", "XOAUTH2"}) {
    CAPTURE(mechanism);
    House house;
    house.services().verifier().set_attempt_limits({.failures_max = 2});
    CHECK(house.auth(mechanism, kAlice, "something-else").starts_with("535 "));
    CHECK(house.auth(mechanism, kAlice, "something-else").starts_with("535 "));
    CHECK(house.auth(mechanism, kAlice, "something-else").starts_with("454 4.7.0"));
    CHECK(house.auth("PLAIN", kAlice, kPassword, "198.51.100.9:99") == kDone);
  }
}

TEST_CASE("keys that can never be made are not promised: an account without a password of its own") {
  House house;
  REQUIRE(house.services().directory().add_account({.address = "elsewhere@example.test",
                                                    .name = "",
                                                    .quota = {},
                                                    .credentials = {},
                                                    .origin = account::Origin::elsewhere}));
  control::Request request{.verb = "account.auth", .arguments = {{"address", "elsewhere@example.test"}}};
  CHECK(account_keys(house.services(), request));
  control::Request adding = request;
  adding.add("add", "cram-md5");
  const auto refused = account_keys(house.services(), adding);
  REQUIRE(!refused);
  CHECK(refused.error().text().find("has no password here") != std::string::npos);
  CHECK(house.services().directory().account("elsewhere@example.test").value()->credentials.on_demand.wanted == 0);
  request.add("remove", "cram-md5");
  CHECK(account_keys(house.services(), request));
}

TEST_CASE("a token whose time is over is refused as a guess is, and locks nobody out") {
  House house;
  house.services().verifier().set_attempt_limits({.failures_max = 2});
  for (int i = 0; i < 3; ++i) {
    CHECK(house.auth("OAUTHBEARER", kAlice, "over") == kWrong);
    CHECK(house.auth("XOAUTH2", kAlice, "over") == kWrong);
  }
  CHECK(house.auth("PLAIN", kAlice, kPassword) == kDone);
  for (int i = 0; i < 2; ++i) CHECK(house.auth("XOAUTH2", kAlice, "tset.elpmaxe@ydobon") == kWrong);
  CHECK(house.auth("PLAIN", kAlice, kPassword).starts_with("454 4.7.0"));
}

TEST_CASE("operators see what is kept, what is to come, and what it means") {
  House house;
  house.want({"apop", "otp"});
  control::Request request{.verb = "account.auth", .arguments = {{"address", std::string(kAlice)}}};
  std::string shown = account_keys(house.services(), request).value();
  CHECK(shown.find(R"("mechanism":"otp","keys":"wanted","note":"made when the password is given next)") !=
        std::string::npos);
  CHECK(shown.find(R"("mechanism":"cram-md5","keys":"none")") != std::string::npos);
  REQUIRE(house.auth("PLAIN") == kDone);
  shown = account_keys(house.services(), request).value();
  CHECK(shown.find(R"("mechanism":"apop","keys":"kept","note":"the password itself is kept)") != std::string::npos);
  CHECK(shown.find(kPassword) == std::string::npos);
  request.add("remove", "apop");
  shown = account_keys(house.services(), request).value();
  CHECK(shown.find(R"("mechanism":"apop","keys":"none")") != std::string::npos);
  CHECK(house.keys().plain.empty());
  request.add("add", "kerberos");
  CHECK(account_keys(house.services(), request).error().text().find("scram-sha-512, cram-md5") != std::string::npos);
}

}  // namespace
}  // namespace angarium::agent
