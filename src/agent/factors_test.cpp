// Logins by app passwords and with a second factor, at every protocol.
#include "agent/login_verbs.h"
#include "agent/test_logins.h"
#include "sasl/apop.h"

namespace angarium::agent {
namespace {

using namespace test;

/// A new app password of Alice's, by the verb.
std::string app_password(House& house, std::string_view name, std::initializer_list<std::string_view> uses) {
  control::Request request{.verb = "account.app-password.add",
                           .arguments = {{"address", std::string(kAlice)}, {"name", std::string(name)}}};
  for (const std::string_view use : uses) request.add("use", use);
  const std::string answer = login_verb(house.services(), request).value();
  const std::size_t at = answer.find("\"password\":\"") + 12;
  return answer.substr(at, answer.find('"', at) - at);
}

/// The code of this moment, off by so many steps.
std::string code_of(House& house, int off = 0) {
  const auto totp = house.services().directory().account(kAlice).value()->totp;
  const auto step = account::totp_step(house.services().clock().wall()) + static_cast<std::uint64_t>(off);
  return *account::totp_code(totp->secret, step);
}

control::Request totp(std::string_view verb, std::string_view code = {}) {
  return {.verb = "account.totp." + std::string(verb),
          .arguments = {{"address", std::string(kAlice)}, {"code", std::string(code)}}};
}

/// Alice has one from now on, and the code of the step before is spent.
void turn_on(House& house) {
  REQUIRE(login_verb(house.services(), totp("enable")));
  REQUIRE(login_verb(house.services(), totp("confirm", code_of(house, -1))));
}

/// The last line of a login by a password at each protocol: LOGIN and PLAIN, USER and PLAIN, PLAIN and LOGIN.
std::vector<std::string> by_password(House& house, House::Protocol protocol, std::string_view password) {
  std::vector<std::string> said;
  const LineClient::Terms terms{.name = std::string(kAlice), .password = std::string(password)};
  if (protocol == House::Protocol::smtp) {
    for (const std::string_view mechanism : {"PLAIN", "LOGIN"}) said.push_back(house.auth(mechanism, kAlice, password));
  } else if (protocol == House::Protocol::imap) {
    LineClient login = house.connect(protocol);
    said.push_back(login.say("a LOGIN " + std::string(kAlice) + " \"" + std::string(password) + "\""));
    LineClient plain = house.connect(protocol);
    said.push_back(plain.authenticate("a AUTHENTICATE", "PLAIN", terms));
  } else {
    {
      LineClient user = house.connect(protocol);
      user.say("USER " + std::string(kAlice));
      said.push_back(user.say("PASS " + std::string(password)));
      user.say("QUIT");
    }
    LineClient plain = house.connect(protocol);
    said.push_back(plain.authenticate("AUTH", "PLAIN", terms));
    plain.say("QUIT");
  }
  return said;
}

struct Said {
  House::Protocol protocol;
  std::string_view use;
  std::string_view in;
  std::string_view wrong;
  std::string_view out_of_scope;
  std::string_view second_factor;
};
constexpr Said kSaid[] = {
    {House::Protocol::imap, "imap", "a OK ", "a NO [AUTHENTICATIONFAILED] Authentication failed",
     "a NO [AUTHORIZATIONFAILED] this password is not for this service, or is over",
     "a NO [AUTHORIZATIONFAILED] this account has a second factor: log in with an app password"},
    {House::Protocol::pop3, "pop3", "+OK maildrop", "-ERR [AUTH] the user name or password is wrong",
     "-ERR [AUTH] this password is not for this service, or is over",
     "-ERR [AUTH] this account has a second factor: log in with an app password"},
    {House::Protocol::smtp, "smtp", kDone, kWrong, "535 5.7.8 This password is not for this service, or is over",
     "534 5.7.9 This account has a second factor: log in with an app password"}};

void check_all(const std::vector<std::string>& said, std::string_view wanted) {
  for (const std::string& one : said) CHECK_MESSAGE(one.starts_with(wanted), one);
}

TEST_CASE("an app password opens the protocols it was made for, is told so at the others, and is wrong once removed") {
  for (const Said& here : kSaid) {
    CAPTURE(here.use);
    House house;
    const std::string secret = app_password(house, "phone", {here.use});
    const std::string all = app_password(house, "laptop", {});
    for (const Said& other : kSaid) {
      check_all(by_password(house, other.protocol, secret), &other == &here ? other.in : other.out_of_scope);
      check_all(by_password(house, other.protocol, all), other.in);
      check_all(by_password(house, other.protocol, kPassword), other.in);
    }
    REQUIRE(login_verb(house.services(), {.verb = "account.app-password.remove",
                                          .arguments = {{"address", std::string(kAlice)}, {"name", "phone"}}}));
    for (const Said& other : kSaid) check_all(by_password(house, other.protocol, secret), other.wrong);
  }
}

TEST_CASE("a right password that is not for this is no guess: it locks nobody out") {
  House house;
  house.services().verifier().set_attempt_limits({.failures_max = 2});
  const std::string secret = app_password(house, "phone", {"imap"});
  for (int i = 0; i < 3; ++i) CHECK(house.auth("PLAIN", kAlice, secret).starts_with("535 5.7.8 This password"));
  CHECK(house.auth("PLAIN") == kDone);
}

TEST_CASE("app passwords are for mechanisms that send the password: a proof by one is a wrong one") {
  House house;
  const std::string secret = app_password(house, "phone", {});
  CHECK(house.auth("SCRAM-SHA-256", kAlice, secret) == kWrong);
  CHECK(house.auth("SCRAM-SHA-256") == kDone);
}

TEST_CASE("with a second factor the password lets in with a code alone, once, and app passwords as before") {
  for (const Said& here : kSaid) {
    CAPTURE(here.use);
    House house;
    const std::string secret = app_password(house, "phone", {});
    turn_on(house);
    check_all(by_password(house, here.protocol, kPassword), here.second_factor);
    check_all(by_password(house, here.protocol, "something else"), here.wrong);
    check_all(by_password(house, here.protocol, secret), here.in);
    // The first of the two ways spends the code.
    const auto said = by_password(house, here.protocol, std::string(kPassword) + "$" + code_of(house));
    CHECK(said[0].starts_with(here.in));
    CHECK(said[1].starts_with(here.wrong));
    REQUIRE(login_verb(house.services(), totp("disable")));
    check_all(by_password(house, here.protocol, kPassword), here.in);
  }
}

TEST_CASE("with a second factor what is made of the password is refused, and only who has proved it hears why") {
  House house;
  std::vector<std::string_view> demands = {"apop"};
  for (const auto& [mechanism, demand] : kOwnKeys) demands.push_back(demand);
  house.want(demands);
  REQUIRE(house.auth("PLAIN") == kDone);
  turn_on(house);
  for (const std::string_view mechanism :
       {"SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "CRAM-MD5", "DIGEST-MD5", "NTLM", "OTP", "SKEY"}) {
    CAPTURE(mechanism);
    CHECK(house.auth(mechanism) == "534 5.7.9 This account has a second factor: log in with an app password");
    CHECK(house.auth(mechanism, kAlice, "something else") == kWrong);
    CHECK(house.auth(mechanism, "public@example.test") !=
          "534 5.7.9 This account has a second factor: log in with an app password");
  }
  std::string greeting;
  LineClient client = house.connect(House::Protocol::pop3, "192.0.2.7:4711", {}, &greeting);
  const std::string timestamp = greeting.substr(greeting.find('<'));
  CHECK(client.say("APOP " + std::string(kAlice) + " " + *sasl::apop_digest(timestamp, kPassword)) ==
        "-ERR [AUTH] this account has a second factor: log in with an app password");
  // Who else vouches for the user has asked for what it wants to know: a certificate, a token.
  const std::string token(kAlice.rbegin(), kAlice.rend());
  CHECK(house.auth("OAUTHBEARER", kAlice, token) == kDone);
}

TEST_CASE("operators make app passwords, see what became of them, and remove them") {
  House house;
  const auto ask = [&](std::string verb, std::vector<std::pair<std::string, std::string>> more) {
    control::Request request{.verb = "account.app-password." + verb, .arguments = {{"address", std::string(kAlice)}}};
    for (const auto& [name, value] : more) request.add(name, value);
    return login_verb(house.services(), request);
  };
  CHECK(ask("list", {}).value() == "[]");
  const std::string made =
      ask("add", {{"name", "phone"}, {"use", "imap"}, {"use", "SMTP"}, {"expires", "90d"}}).value();
  CHECK(made.find(R"("for":["imap","smtp"])") != std::string::npos);
  const std::size_t at = made.find("\"password\":\"") + 12;
  const std::string secret = made.substr(at, 29);
  CHECK(house.auth("PLAIN", kAlice, secret) == kDone);
  const std::string listed = ask("list", {}).value();
  CHECK(listed.find(R"("name":"phone","for":["imap","smtp"])") != std::string::npos);
  CHECK(listed.find(secret) == std::string::npos);
  CHECK(listed.find("password") == std::string::npos);
  CHECK(ask("add", {{"name", "phone"}}).error().is(account::kExists));
  CHECK(ask("add", {{"name", ""}}).error().is(account::kInvalid));
  CHECK(ask("add", {{"name", "x"}, {"use", "gopher"}}).error().text().find("imap, pop3 or smtp") != std::string::npos);
  for (const std::string_view never : {"soon", "2001-01-01", "99999999999999d"})
    CHECK(!ask("add", {{"name", "x"}, {"expires", std::string(never)}}));
  CHECK(ask("add", {{"name", "x"}, {"expires", "2100-12-31"}}).value().find("2100-12-3") != std::string::npos);
  CHECK(ask("remove", {{"name", "y"}}).error().is(account::kUnknown));
  CHECK(ask("remove", {{"name", "x"}}));
  control::Request nobody{.verb = "account.app-password.add",
                          .arguments = {{"address", "nobody@example.test"}, {"name", "phone"}}};
  CHECK(login_verb(house.services(), nobody).error().is(account::kUnknown));
}

TEST_CASE("an account has as many app passwords as the limit says, and not one more") {
  House house;
  for (std::size_t i = 0; i < account::kAppPasswordsMax; ++i) app_password(house, "number " + std::to_string(i), {});
  control::Request request{.verb = "account.app-password.add",
                           .arguments = {{"address", std::string(kAlice)}, {"name", "one more"}}};
  CHECK(login_verb(house.services(), request).error().text().find("at most") != std::string::npos);
  REQUIRE(login_verb(house.services(), {.verb = "account.app-password.remove",
                                        .arguments = {{"address", std::string(kAlice)}, {"name", "number 7"}}}));
  CHECK(house.auth("PLAIN", kAlice, app_password(house, "one more", {})) == kDone);
}

TEST_CASE("a second factor counts once its owner has shown a code, and its recovery codes are shown once") {
  House house;
  CHECK(!login_verb(house.services(), totp("confirm", "123456")));
  const std::string enabled = login_verb(house.services(), totp("enable")).value();
  CHECK(enabled.find("otpauth://totp/mail.example.test:alice@example.test?secret=") != std::string::npos);
  CHECK(house.auth("PLAIN") == kDone);
  CHECK(!login_verb(house.services(), totp("confirm", "abcdef")));
  CHECK(login_verb(house.services(), totp("status")).value().find("to be confirmed") != std::string::npos);
  // Another secret, in the place of one that nobody has confirmed.
  const std::string old = code_of(house);
  CHECK(login_verb(house.services(), totp("enable")).value() != enabled);
  if (old != code_of(house)) CHECK(!login_verb(house.services(), totp("confirm", old)));
  const std::string code = code_of(house);
  const std::string confirmed = login_verb(house.services(), totp("confirm", code)).value();
  const std::size_t at = confirmed.find("[\"") + 2;
  const std::string recovery = confirmed.substr(at, 19);
  CHECK(!login_verb(house.services(), totp("enable")));
  CHECK(!login_verb(house.services(), totp("confirm", code)));
  const std::string status = login_verb(house.services(), totp("status")).value();
  CHECK(status.find(R"("totp":"on")") != std::string::npos);
  CHECK(status.find(R"("recovery_codes_left":10)") != std::string::npos);
  CHECK(status.find(recovery) == std::string::npos);
  CHECK(house.auth("PLAIN", kAlice, std::string(kPassword) + "$" + code) == kWrong);  // spent by the confirmation
  CHECK(house.auth("PLAIN", kAlice, std::string(kPassword) + "$" + recovery) == kDone);
  CHECK(house.auth("PLAIN", kAlice, std::string(kPassword) + "$" + recovery) == kWrong);
  // Whoever has lost both asks the operator.
  CHECK(login_verb(house.services(), totp("disable")).value().find(R"("totp":"off")") != std::string::npos);
  CHECK(house.auth("PLAIN") == kDone);
}

TEST_CASE("a new password leaves app passwords and the second factor as they are") {
  House house;
  const std::string secret = app_password(house, "phone", {});
  turn_on(house);
  REQUIRE(set_password(house.services(), std::string(kAlice), "another password"));
  CHECK(house.auth("PLAIN", kAlice, secret) == kDone);
  CHECK(house.auth("PLAIN", kAlice, "another password").starts_with("534 "));
  CHECK(house.auth("PLAIN", kAlice, "another password$" + code_of(house)) == kDone);
}

}  // namespace
}  // namespace angarium::agent
