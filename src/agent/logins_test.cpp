// Sessions end with what let them in.
#include "agent/logins.h"

#include "account/totp.h"
#include "agent/imap_search.h"
#include "agent/login_verbs.h"
#include "agent/test_logins.h"
#include "sasl/apop.h"
#include "store/volume_faulty.h"

namespace angarium::agent {
namespace {

using namespace test;
using account::Withdrawal;
using By = Logins::Way::By;

/// A session that notes how it was asked to end.
struct Guest {
  int asked = 0;
  int cut = 0;
  Logins::Stay stay;
  bool enter(Logins& logins, Logins::Way way, std::uint64_t since = 0, account::AccountId account = 7) {
    stay = logins.enter(account, std::move(way), since, {.ask = [this] { ++asked; }, .cut = [this] { ++cut; }});
    return static_cast<bool>(stay);
  }
};

TEST_CASE("what is withdrawn ends whom it let in, and nobody else") {
  const std::pair<Withdrawal, std::vector<int>> cases[] = {
      {{.of = Withdrawal::Of::account, .account = 7}, {1, 1, 1, 1, 0}},
      {{.of = Withdrawal::Of::password, .account = 7}, {1, 0, 0, 0, 0}},
      {{.of = Withdrawal::Of::app_passwords, .account = 7, .digests = {"phone", "watch"}}, {0, 1, 0, 0, 0}},
      {{.of = Withdrawal::Of::account, .account = 9}, {0, 0, 0, 0, 0}}};
  for (const auto& [withdrawal, asked] : cases) {
    io::SimulatedLoop loop;
    Logins logins;
    std::array<Guest, 5> guests;
    REQUIRE(guests[0].enter(logins, {.by = By::password}));
    REQUIRE(guests[1].enter(logins, {.by = By::app_password, .digest = "phone"}));
    REQUIRE(guests[2].enter(logins, {.by = By::app_password, .digest = "laptop"}));
    REQUIRE(guests[3].enter(logins, {}));
    REQUIRE(guests[4].enter(logins, {.by = By::password}, 0, 8));
    logins.withdraw(withdrawal);
    loop.settle();
    for (std::size_t i = 0; i < guests.size(); ++i) CHECK(guests[i].asked == asked[i]);
  }
}

TEST_CASE("who stays on is cut off after kFarewellPatience, who leaves is not") {
  io::SimulatedLoop loop;
  Logins logins;
  Guest stays;
  Guest leaves;
  REQUIRE(stays.enter(logins, {}));
  REQUIRE(leaves.enter(logins, {}));
  const Moment before = loop.now();
  logins.withdraw({.of = Withdrawal::Of::account, .account = 7});
  loop.settle();
  CHECK(stays.asked == 1);
  leaves.stay = {};
  loop.run();
  CHECK(loop.now() - before >= kFarewellPatience);
  CHECK(stays.cut == 1);
  CHECK(leaves.cut == 0);
}

TEST_CASE("a login that was judged before something was withdrawn is not let in behind it") {
  io::SimulatedLoop loop;
  Logins logins;
  const std::uint64_t before = logins.now();
  logins.withdraw({.of = Withdrawal::Of::app_passwords, .account = 7, .digests = {"phone"}});
  Guest late;
  CHECK(!late.enter(logins, {.by = By::app_password, .digest = "phone"}, before));
  CHECK(late.enter(logins, {.by = By::password}, logins.now()));
  Guest other;
  CHECK(other.enter(logins, {.by = By::password}, before, 8));
}

TEST_CASE("of more than kWithdrawnMax accounts all logins under way are judged anew") {
  io::SimulatedLoop loop;
  Logins logins;
  const std::uint64_t before = logins.now();
  for (std::size_t i = 0; i < kWithdrawnMax; ++i) logins.withdraw({.account = 100 + i});
  Guest other;
  CHECK(other.enter(logins, {}, before));
  logins.withdraw({.account = 99});
  Guest first;
  CHECK(!first.enter(logins, {}, before, 100));
  CHECK(!first.enter(logins, {}, before, 99));
  CHECK(first.enter(logins, {}, logins.now(), 99));
}

TEST_CASE("an app password whose day has come ends whom it let in, once, and nobody else") {
  io::SimulatedLoop loop;
  Logins logins;
  const WallTime day = WallTime::from_seconds(1000);
  const auto later = [&](int by) { return WallTime::from_seconds(1000 + by); };
  std::array<Guest, 4> guests;
  REQUIRE(guests[0].enter(logins, {.by = By::app_password, .digest = "phone", .until = day}));
  REQUIRE(guests[1].enter(logins, {.by = By::app_password, .digest = "laptop", .until = later(10)}));
  REQUIRE(guests[2].enter(logins, {.by = By::app_password, .digest = "watch"}));
  REQUIRE(guests[3].enter(logins, {.by = By::app_password, .digest = "gone", .until = day}));
  const auto asked = [&] {
    loop.settle();
    std::string all;
    for (const Guest& guest : guests) all += std::to_string(guest.asked);
    return all;
  };
  logins.end_expired(later(-1));
  CHECK(asked() == "0000");
  guests[3].stay = {};
  logins.end_expired(day);
  CHECK(asked() == "1000");
  logins.end_expired(later(9));
  CHECK(asked() == "1000");
  guests[0].stay = {};
  logins.end_expired(later(10));
  CHECK(asked() == "1100");
}

/// What a session that is in hears when it is over.
struct Spoken {
  House::Protocol protocol;
  std::string_view farewell;
};
constexpr std::string_view kClosing = "421 4.3.2 mail.example.test Service not available, closing transmission channel";
constexpr Spoken kSpoken[] = {{House::Protocol::imap, "* BYE The server ends this session"},
                              {House::Protocol::pop3, "-ERR [SYS/TEMP] the server ends this session"},
                              {House::Protocol::smtp, kClosing},
                              {House::Protocol::lmtp, kClosing}};

std::string_view service_of(House::Protocol protocol) {
  switch (protocol) {
    case House::Protocol::imap: return "imap";
    case House::Protocol::pop3: return "pop";
    case House::Protocol::lmtp: return "lmtp";
    default: return "smtp";
  }
}

/// A session that is logged in.
LineClient enter(House& house, House::Protocol protocol, std::string_view password, std::string_view mechanism) {
  LineClient client = house.connect(protocol);
  const std::string_view command = protocol == House::Protocol::imap ? "a AUTHENTICATE" : "AUTH";
  const std::string_view service = service_of(protocol);
  const std::string said = client.authenticate(
      command, mechanism,
      {.name = std::string(kAlice), .password = std::string(password), .service = std::string(service)});
  CAPTURE(said);
  REQUIRE((said.starts_with("a OK") || said.starts_with("+OK") || said == kDone));
  if (protocol == House::Protocol::imap) REQUIRE(client.say("b IDLE").starts_with("+"));
  return client;
}

std::string app_password(House& house, std::string_view name, std::string_view expires = {}) {
  control::Request request{.verb = "account.app-password.add",
                           .arguments = {{"address", std::string(kAlice)}, {"name", std::string(name)}}};
  if (!expires.empty()) request.add("expires", expires);
  const std::string answer = login_verb(house.services(), request).value();
  const std::size_t at = answer.find("\"password\":\"") + 12;
  return answer.substr(at, answer.find('"', at) - at);
}

void remove_app_password(House& house, std::string_view name) {
  REQUIRE(login_verb(house.services(), {.verb = "account.app-password.remove",
                                        .arguments = {{"address", std::string(kAlice)}, {"name", std::string(name)}}}));
}

TEST_CASE("a session ends when the app password it came by is removed") {
  for (const Spoken& here : kSpoken) {
    House house;
    const std::string phone = app_password(house, "phone");
    (void)app_password(house, "laptop");
    LineClient client = enter(house, here.protocol, phone, "PLAIN");
    remove_app_password(house, "laptop");
    CHECK(client.hear().empty());
    remove_app_password(house, "phone");
    CHECK(client.hear() == here.farewell);
  }
}

TEST_CASE("a session by the password ends when another is set, one by an app password or a token does not") {
  const std::string token(kAlice.rbegin(), kAlice.rend());
  for (const Spoken& here : kSpoken) {
    for (const std::string_view mechanism : {"PLAIN", "SCRAM-SHA-256", "app", "OAUTHBEARER"}) {
      CAPTURE(mechanism);
      House house;
      const bool by_password = mechanism == "PLAIN" || mechanism == "SCRAM-SHA-256";
      const std::string secret = mechanism == "app" ? app_password(house, "phone")
                                 : by_password      ? std::string(kPassword)
                                                    : token;
      LineClient client = enter(house, here.protocol, secret, mechanism == "app" ? "PLAIN" : mechanism);
      REQUIRE(set_password(house.services(), std::string(kAlice), "another one 8"));
      CHECK(client.hear() == (by_password ? here.farewell : ""));
    }
  }
}

TEST_CASE("every session ends when its account is disabled, and none when it is changed otherwise") {
  const std::string token(kAlice.rbegin(), kAlice.rend());
  for (const Spoken& here : kSpoken) {
    House house;
    LineClient client = enter(house, here.protocol, token, "OAUTHBEARER");
    account::Directory& directory = house.services().directory();
    REQUIRE(directory.change_account(kAlice, [](account::Account& account) { account.name = "Alice"; }));
    REQUIRE(directory.change_account("public@example.test",
                                     [](account::Account& account) { account.status = account::Status::disabled; }));
    CHECK(client.hear().empty());
    REQUIRE(directory.change_account(kAlice,
                                     [](account::Account& account) { account.status = account::Status::disabled; }));
    CHECK(client.hear() == here.farewell);
  }
}

TEST_CASE("a submission hears that it is over amid a transaction, too, and none is left unheard") {
  House house;
  LineClient client = enter(house, House::Protocol::smtp, kPassword, "PLAIN");
  REQUIRE(client.say("MAIL FROM:<alice@example.test>").starts_with("250"));
  REQUIRE(set_password(house.services(), std::string(kAlice), "another one 8"));
  CHECK(client.hear() == kClosing);
}

TEST_CASE("who logs in again behind STARTTLS stays by what was proved last alone, and between is nobody") {
  House house;
  const std::string phone = app_password(house, "phone");
  const std::string watch = app_password(house, "watch");
  const std::string laptop = app_password(house, "laptop");
  const auto log_in = [&](LineClient& client, std::string_view password) {
    REQUIRE(client.authenticate("AUTH", "PLAIN", {.name = std::string(kAlice), .password = std::string(password)}) ==
            kDone);
  };
  LineClient client = house.connect(House::Protocol::smtp);
  log_in(client, phone);
  REQUIRE(client.say("MAIL FROM:<alice@example.test>").starts_with("250"));
  REQUIRE(client.start_tls().starts_with("220 "));
  remove_app_password(house, "phone");
  CHECK(client.hear().empty());
  REQUIRE(client.say("EHLO c.test").starts_with("250"));
  log_in(client, laptop);
  remove_app_password(house, "watch");
  CHECK(client.hear().empty());
  REQUIRE(client.say("MAIL FROM:<alice@example.test>").starts_with("250"));
  remove_app_password(house, "laptop");
  CHECK(client.hear() == kClosing);
}

TEST_CASE("a session ends when the day of the app password is over that it came by, by the civil clock") {
  for (const Spoken& here : kSpoken) {
    House house;
    const std::string phone = app_password(house, "phone", "1h");
    const std::string watch = app_password(house, "watch", "2h");
    LineClient client = enter(house, here.protocol, phone, "PLAIN");
    // POP3 has one session a maildrop.
    const bool pop3 = here.protocol == House::Protocol::pop3;
    LineClient other = enter(house, pop3 ? House::Protocol::imap : here.protocol, watch, "PLAIN");
    house.loop.jump(std::chrono::minutes(59));
    house.services().logins().end_expired(house.loop.clock().wall());
    CHECK(client.hear().empty());
    house.loop.jump(std::chrono::minutes(1));
    house.services().logins().end_expired(house.loop.clock().wall());
    CHECK(client.hear() == here.farewell);
    CHECK(other.hear().empty());
  }
}

TEST_CASE("a session ends when its mechanism is taken away from the account, others stay") {
  for (const auto& [mechanism, demand] : kOwnKeys) {
    for (const Spoken& here : kSpoken) {
      CAPTURE(mechanism);
      House house;
      house.want({demand, "apop"});
      LineClient plain = enter(house, here.protocol, kPassword, "PLAIN");
      if (here.protocol == House::Protocol::pop3) plain.say("QUIT");  // one session a maildrop
      LineClient client = enter(house, here.protocol, kPassword, mechanism);
      const auto take_away = [&](std::string_view name) {
        control::Request request{.verb = "account.auth", .arguments = {{"address", std::string(kAlice)}}};
        REQUIRE(login_verb(house.services(), request.add("remove", name)));
      };
      take_away("apop");
      CHECK(client.hear().empty());
      take_away(demand);
      CHECK(client.hear() == here.farewell);
      CHECK(plain.hear().empty());
    }
  }
}

TEST_CASE("a session by APOP ends when the account lets the password be kept no longer") {
  House house;
  house.want({"apop"});
  REQUIRE(house.auth("PLAIN") == kDone);
  std::string greeting;
  LineClient client = house.connect(House::Protocol::pop3, "192.0.2.7:4711", {}, &greeting);
  const std::string timestamp = greeting.substr(greeting.find('<'));
  REQUIRE(
      client.say("APOP " + std::string(kAlice) + " " + *sasl::apop_digest(timestamp, kPassword)).starts_with("+OK"));
  control::Request request{.verb = "account.auth", .arguments = {{"address", std::string(kAlice)}}};
  REQUIRE(login_verb(house.services(), request.add("remove", "apop")));
  CHECK(client.hear() == "-ERR [SYS/TEMP] the server ends this session");
}

TEST_CASE("a second factor ends who came by the password alone, and nobody else") {
  const std::string token(kAlice.rbegin(), kAlice.rend());
  for (const Spoken& here : kSpoken) {
    for (const std::string_view mechanism : {"PLAIN", "SCRAM-SHA-256", "app", "OAUTHBEARER"}) {
      CAPTURE(mechanism);
      House house;
      const bool alone = mechanism == "PLAIN" || mechanism == "SCRAM-SHA-256";
      const std::string secret = mechanism == "app" ? app_password(house, "phone")
                                 : alone            ? std::string(kPassword)
                                                    : token;
      LineClient client = enter(house, here.protocol, secret, mechanism == "app" ? "PLAIN" : mechanism);
      const auto totp = [&](std::string_view verb, std::string_view code) {
        return login_verb(house.services(),
                          {.verb = "account.totp." + std::string(verb),
                           .arguments = {{"address", std::string(kAlice)}, {"code", std::string(code)}}});
      };
      REQUIRE(totp("enable", ""));
      CHECK(client.hear().empty());  // it is not confirmed yet
      const auto asked = house.services().directory().account(kAlice).value()->totp;
      const auto step = account::totp_step(house.services().clock().wall());
      REQUIRE(totp("confirm", *account::totp_code(asked->secret, step)));
      CHECK(client.hear() == (alone ? here.farewell : ""));
    }
  }
}

TEST_CASE("what cannot be written is not withdrawn: sessions stay, the operator hears of it, and logins go on") {
  const auto disk = std::make_shared<store::FaultyDisk>(1);
  House house(*store::open_faulty_volume(disk));
  const std::string phone = app_password(house, "phone");
  LineClient by_password = enter(house, House::Protocol::imap, kPassword, "PLAIN");
  LineClient by_phone = enter(house, House::Protocol::smtp, phone, "PLAIN");
  disk->arm({.fail_sync_at = 1, .syncs_failing = 1'000'000});
  const auto disable = [](account::Account& account) { account.status = account::Status::disabled; };
  CHECK(set_password(house.services(), std::string(kAlice), "another one 8").error().is(store::kStopped));
  CHECK(house.services().directory().change_account(kAlice, disable).error().is(store::kStopped));
  CHECK(login_verb(house.services(), {.verb = "account.app-password.remove",
                                      .arguments = {{"address", std::string(kAlice)}, {"name", "phone"}}})
            .error()
            .is(store::kStopped));
  CHECK(by_password.hear().empty());
  CHECK(by_phone.hear().empty());
  CHECK(by_phone.say("NOOP").starts_with("250"));
  // It has not let anybody out, and lets in who came by it before.
  CHECK(house.auth("PLAIN") == kDone);
  CHECK(house.auth("PLAIN", kAlice, phone) == kDone);
  disk->arm({});
}

TEST_CASE("who has proved what is withdrawn since hears no more of the account than strangers") {
  House house;
  const std::string phone = app_password(house, "phone");
  REQUIRE(house.auth("PLAIN", kAlice, phone) == kDone);
  house.want({"cram-md5"});
  CHECK(house.auth("CRAM-MD5").starts_with("432 4.7.12 "));
  CHECK(house.auth("CRAM-MD5", kAlice, kPassword, "198.51.100.9:99") == kWrong);
  remove_app_password(house, "phone");
  CHECK(house.auth("CRAM-MD5") == kWrong);
}

TEST_CASE("guests, and users of this host, have proved nothing") {
  House house;
  LineClient guest = house.connect(House::Protocol::imap);
  REQUIRE(guest.say("a AUTHENTICATE ANONYMOUS c2lyaGM=").starts_with("a OK "));
  REQUIRE(house.services().directory().change_account("public@example.test", [](account::Account& account) {
    account.credentials.on_demand.want(account::Demand::cram_md5);
  }));
  CHECK(house.auth("CRAM-MD5", "public@example.test") == kWrong);
  house.want({"cram-md5"});
  REQUIRE(house.open_for_user(house.services().logins().now(), {.ask = [] {}, .cut = [] {}}));
  CHECK(house.auth("CRAM-MD5", kAlice, kPassword, "127.0.0.1:99") == kWrong);
}

TEST_CASE("a user of this host whose account is disabled while it opens is refused, later it ends") {
  const auto disable = [](account::Account& account) { account.status = account::Status::disabled; };
  {
    House house;
    const std::uint64_t found = house.services().logins().now();
    REQUIRE(house.services().directory().change_account(kAlice, disable));
    const auto opened = house.open_for_user(found, {});
    REQUIRE(!opened);
    CHECK(opened.error().is(account::kBusy));
  }
  House house;
  int asked = 0;
  const auto opened = house.open_for_user(house.services().logins().now(), {.ask = [&] { ++asked; }, .cut = [] {}});
  REQUIRE(opened);
  REQUIRE(set_password(house.services(), std::string(kAlice), "another one 8"));
  house.loop.settle();
  CHECK(asked == 0);
  REQUIRE(house.services().directory().change_account(kAlice, disable));
  house.loop.settle();
  CHECK(asked == 1);
}

/// A session whose INBOX has so many messages: more than one batch of a search, and many turns.
LineClient with_mail(House& house, unsigned doublings, std::string_view message = "hi!\n") {
  LineClient client = house.connect(House::Protocol::imap);
  REQUIRE(client.say("a LOGIN " + std::string(kAlice) + " \"" + std::string(kPassword) + "\"").starts_with("a OK"));
  const std::string append = "b APPEND INBOX {" + std::to_string(message.size()) + "+}\r\n" + std::string(message);
  REQUIRE(client.say(append).find("b OK") != std::string::npos);
  REQUIRE(client.say("c SELECT INBOX").find("c OK") != std::string::npos);
  for (unsigned i = 0; i < doublings; ++i) REQUIRE(client.say("d COPY 1:* INBOX").find("d OK") != std::string::npos);
  return client;
}

/// After so many turns of somebody else's, `then` happens.
io::Task<> amid_turns(Searching& searching, int turns, std::function<void()> then) {
  for (int i = 0; i < turns; ++i) CHECK(co_await searching.run("others", []() -> Result<bool> { return true; }));
  then();
}

TEST_CASE("a session ends amid a SEARCH, which does not go on to its end") {
  House house(*store::open_memory_volume(std::make_shared<store::MemoryDisk>()), Services::Ground::Work::on_the_loop);
  LineClient client = with_mail(house, 9);
  const account::AccountId id = house.services().directory().account(kAlice).value()->id;
  house.loop.spawn(amid_turns(house.services().searching(), 2, [&] {
    house.services().logins().withdraw({.of = Withdrawal::Of::account, .account = id});
  }));
  CHECK(client.say("e SEARCH TEXT absent") == "* BYE The server ends this session");
}

/// Turns of somebody else until no session is left.
io::Task<> count_turns(House& house, int& turns) {
  for (turns = 0; house.speaking > 0; ++turns)
    CHECK(co_await house.services().searching().run("others", []() -> Result<bool> { return true; }));
}

TEST_CASE("a search whose client has hung up has no turn more, so that others of the account do not wait behind it") {
  // Of this size each message is a turn.
  const std::string message(kMatchTurn, 'x');
  const auto turns_of = [&](bool hangs_up) {
    House house(*store::open_memory_volume(std::make_shared<store::MemoryDisk>()), Services::Ground::Work::on_the_loop);
    LineClient client = with_mail(house, 4, message);
    REQUIRE(
        client.connection().try_write(hangs_up ? "e SEARCH TEXT absent\r\n" : "e SEARCH TEXT absent\r\nf LOGOUT\r\n"));
    int turns = 0;
    house.loop.spawn(amid_turns(house.services().searching(), 3, [&] {
      if (hangs_up) client.connection().close();
      house.loop.spawn(count_turns(house, turns));
    }));
    house.loop.settle();
    CHECK(house.speaking == 0);
    return turns;
  };
  CHECK(turns_of(true) < 4);
  CHECK(turns_of(false) >= 12);
}

TEST_CASE("UNAUTHENTICATE ends what a withdrawal would end: the connection goes on") {
  House house;
  const std::string phone = app_password(house, "phone");
  LineClient client = house.connect(House::Protocol::imap);
  REQUIRE(client.authenticate("a AUTHENTICATE", "PLAIN", {.name = std::string(kAlice), .password = phone})
              .starts_with("a OK"));
  REQUIRE(client.say("b UNAUTHENTICATE").starts_with("b OK"));
  remove_app_password(house, "phone");
  CHECK(client.hear().empty());
  CHECK(client.say("c NOOP") == "c OK NOOP completed");
}

}  // namespace
}  // namespace angarium::agent
