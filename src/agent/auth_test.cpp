// Logins over the real house: which keys an account keeps, what strangers are told, and guests.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "agent/test_logins.h"
#include "base/log.h"
#include "sasl/apop.h"

namespace angarium::agent {
namespace {

using namespace test;

/// Keeps the lines of refused logins.
class Refusals final : public log::Sink {
 public:
  explicit Refusals(std::vector<std::string>& lines) : lines_(lines) {}
  void write(log::Level, std::string_view, std::string_view event, const log::Field* fields,
             std::size_t count) override {
    if (event != "login refused") return;
    std::string line;
    for (std::size_t i = 0; i < count; ++i)
      (line += i == 0 ? "" : " ").append(fields[i].name).append("=").append(fields[i].value);
    lines_.push_back(std::move(line));
  }

 private:
  std::vector<std::string>& lines_;
};

TEST_CASE("each refused login is in the log once, with the name that was given and the peer, and never the password") {
  House house;
  std::vector<std::string> lines;
  log::configure(std::make_unique<Refusals>(lines), log::Level::notice);
  const std::string from = "192.0.2.9:99";
  CHECK(house.auth("PLAIN", kAlice, "something else", from) == kWrong);
  CHECK(house.auth("SCRAM-SHA-256", "nobody@example.test", "something else", from) == kWrong);
  LineClient imap = house.connect(House::Protocol::imap, from);
  imap.say("a LOGIN \"no body\" \"something else\"");
  LineClient pop3 = house.connect(House::Protocol::pop3, "127.0.0.1:99");
  pop3.say("USER " + std::string(kAlice));
  pop3.say("PASS something else");
  CHECK(house.auth("PLAIN") == kDone);
  log::configure(nullptr, log::Level::notice);
  const std::string alice(kAlice);
  CAPTURE(fmt::format("{}", fmt::join(lines, " | ")));
  CHECK(lines == std::vector<std::string>{
                     "user=" + alice + " peer=192.0.2.9 for=smtp", "user=nobody@example.test peer=192.0.2.9 for=smtp",
                     "user=no body peer=192.0.2.9 for=imap", "user=" + alice + " peer=127.0.0.1 for=pop3"});
}

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

TEST_CASE("exchanges that are broken off behind a name have to wait in the end, while the password still lets in") {
  House house;
  house.services().verifier().set_attempt_limits({.failures_max = 2});
  const std::string from = "192.0.2.7:4711";
  const auto begin = [&](const std::string& peer) {
    LineClient client = house.connect(House::Protocol::smtp, peer);
    // n,,n=nobody,r=abc
    const std::string said = client.say("AUTH SCRAM-SHA-256 biwsbj1ub2JvZHkscj1hYmM=");
    const bool challenged = said.starts_with("334 ");
    if (challenged) CHECK(client.say("*").starts_with("501 "));
    return challenged;
  };
  for (std::uint32_t i = 0; i < 2 * account::Verifier::kBrokenOffPerFailure; ++i) CHECK(begin(from));
  CHECK_FALSE(begin(from));
  CHECK(begin("198.51.100.9:99"));
  CHECK(house.auth("SCRAM-SHA-256") != kDone);
  CHECK(house.auth("PLAIN") == kDone);
  // One that goes to its end is none of them, and this host is never counted.
  for (int i = 0; i < 30; ++i) CHECK(house.auth("SCRAM-SHA-256", kAlice, kPassword, "198.51.100.9:99") == kDone);
  for (int i = 0; i < 30; ++i) CHECK(begin("127.0.0.1:99"));
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

TEST_CASE(
    "RFC 7628 section 3.2, RFC 2831 section 2.1.2: a client may have reached any name of this host, and no other") {
  House house;
  house.want({"digest-md5"});
  REQUIRE(house.auth("PLAIN") == kDone);
  house.services().set_certified([](std::string_view name) { return name == "imap.example.test"; });
  const auto comes_in = [&](const std::string& host, const std::string& from) {
    const std::string token(kAlice.rbegin(), kAlice.rend());
    LineClient client = house.connect(House::Protocol::smtp, from);
    const std::string bearer = "n,a=" + std::string(kAlice) + ",\x01host=" + host +
                               "\x01"
                               "auth=Bearer " +
                               token + "\x01\x01";
    const bool by_token = client.say("AUTH OAUTHBEARER " + to_base64(bearer)).starts_with("235 ");
    LineClient other = house.connect(House::Protocol::smtp, from);
    const bool by_digest =
        other.authenticate(
            "AUTH", "DIGEST-MD5",
            {.name = std::string(kAlice), .password = std::string(kPassword), .service = "smtp", .host = host}) ==
        kDone;
    CHECK(by_token == by_digest);
    return by_token;
  };
  for (const char* host : {"mail.example.test", "MAIL.example.test", "imap.example.test"})
    CHECK(comes_in(host, "192.0.2.9:99"));
  for (const char* host : {"localhost", "127.0.0.1", "[::1]"}) {
    CHECK(comes_in(host, "127.0.0.1:99"));
    CHECK(!comes_in(host, "192.0.2.9:99"));
  }
  CHECK(!comes_in("evil.example.test", "127.0.0.1:99"));
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
