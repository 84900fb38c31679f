// Logins by app passwords and with a second factor, as the verifier judges them.
#include "account/support.h"
#include "account/verifier.h"

using namespace angarium;
using namespace angarium::account;

namespace {

constexpr PasswordCost kCheap{.memory_kib = 8, .passes = 1};
constexpr std::string_view kAlice = "alice@example.test";
constexpr std::string_view kAnna = "anna@example.test";

/// Anna's password is kept elsewhere, where she is known by her name alone, too.
class Elsewhere final : public Users {
 public:
  explicit Elsewhere(Directory& directory) : directory_(directory) {}
  io::Task<Result<Check>> check_password(std::string name, sasl::Secret password, std::string) override {
    ++asked;
    if (away) co_return fail(sasl::kUnavailable, "away");
    if (!is_anna(name)) co_return Check{};
    if (password.view() != "of anna") co_return Check{.kind = Check::Kind::wrong};
    co_return Check{.kind = Check::Kind::right, .account = *directory_.account(kAnna).value()};
  }
  io::Task<Result<std::optional<Account>>> account(std::string name) override {
    if (away) co_return fail(sasl::kUnavailable, "away");
    if (!is_anna(name) || gone) co_return std::nullopt;
    co_return directory_.account(kAnna);
  }
  io::Task<Result<std::optional<sasl::ScramKeys>>> scram_keys(std::string, sasl::Hash) override {
    co_return std::nullopt;
  }
  bool away = false;
  bool gone = false;
  int asked = 0;

 private:
  static bool is_anna(std::string_view name) { return name == "anna" || name == kAnna; }
  Directory& directory_;
};

struct Desk {
  std::unique_ptr<store::Tablet> tablet = account::test::memory_tablet();
  Directory directory{*tablet};
  io::SimulatedLoop loop;
  ManualClock clock{WallTime::from_seconds(1'700'000'010)};
  // On the loop, in a later turn: what is noted behind a login is there when the loop has come to rest.
  io::Pool pool{{.name = "read", .threads = 0}};
  Elsewhere elsewhere{directory};
  Verifier verifier{directory, pool, {.cost = kCheap, .attempts = {.failures_max = 100}}, clock};

  Desk() {
    verifier.set_users(elsewhere);
    REQUIRE(directory.add_domain("example.test"));
    auto credentials = make_credentials("wonder land", kCheap);
    REQUIRE(
        directory.add_account({.address = std::string(kAlice), .name = "", .quota = {}, .credentials = *credentials}));
    REQUIRE(directory.add_account(
        {.address = std::string(kAnna), .name = "", .quota = {}, .credentials = {}, .origin = Origin::elsewhere}));
  }
  /// A new app password's secret.
  std::string add(std::string_view address, std::string name, std::initializer_list<Use> uses,
                  std::optional<WallTime> expires = {}) {
    AppPassword one{.name = std::move(name), .created = clock.wall(), .expires = expires};
    for (const Use use : uses) one.allow(use);
    const auto secret = make_app_password(one);
    REQUIRE(directory.change_app_passwords(address, [&](std::vector<AppPassword>& all) -> Result<> {
      all.push_back(one);
      return {};
    }));
    return std::string(secret->view());
  }
  std::vector<AppPassword> passwords(std::string_view address) {
    return directory.app_passwords(directory.account(address).value()->id).value();
  }
  void remove_all(std::string_view address) {
    REQUIRE(directory.change_app_passwords(address, [](std::vector<AppPassword>& all) -> Result<> {
      all.clear();
      return {};
    }));
  }
  Totp turn_on(std::string_view address) {
    Totp totp = make_totp(clock.wall());
    totp.on = true;
    REQUIRE(directory.change_account(address, [&](Account& account) { account.totp = totp; }));
    return totp;
  }
  std::string code(const Totp& totp) { return *totp_code(totp.secret, totp_step(clock.wall())); }
  Result<Account> check(std::string_view name, std::string_view password, Use use = Use::imap,
                        std::string peer = "192.0.2.1") {
    return account::test::finish(
        loop, verifier.check_password(std::string(name), std::string(password), std::move(peer), use));
  }
};

}  // namespace

TEST_CASE("an app password logs in beside the account's own, without a hash, and what is removed lets in nobody") {
  Desk desk;
  const std::string secret = desk.add(kAlice, "phone", {Use::imap, Use::smtp});
  CHECK(desk.check("Alice@Example.test", secret)->address == kAlice);
  CHECK(desk.check(kAlice, secret, Use::smtp));
  CHECK(desk.verifier.hashes() == 0);
  CHECK(desk.check(kAlice, "wonder land"));
  CHECK(desk.check("bob@example.test", secret).error().is(sasl::kBadCredentials));
  desk.remove_all(kAlice);
  CHECK(desk.check(kAlice, secret).error().is(sasl::kBadCredentials));
  CHECK(desk.check(kAlice, "wonder land"));
}

TEST_CASE("for another use, and when it is over, the right app password is refused in the same words") {
  Desk desk;
  const std::string secret = desk.add(kAlice, "phone", {Use::smtp});
  const std::string old = desk.add(kAlice, "old", {Use::imap}, WallTime{desk.clock.wall().microseconds + 10'000'000});
  const auto wrong_use = desk.check(kAlice, secret);
  REQUIRE(!wrong_use);
  CHECK(wrong_use.error().is(sasl::kOutOfScope));
  CHECK(desk.check(kAlice, old));
  desk.clock.advance(std::chrono::seconds(10));
  const auto over = desk.check(kAlice, old);
  REQUIRE(!over);
  CHECK(over.error().is(sasl::kOutOfScope));
  CHECK(over.error().text() == wrong_use.error().text());
}

TEST_CASE("a disabled account's app passwords are refused like wrong ones") {
  Desk desk;
  const std::string secret = desk.add(kAlice, "phone", {Use::imap});
  REQUIRE(desk.directory.change_account(kAlice, [](Account& account) { account.status = Status::disabled; }));
  CHECK(desk.check(kAlice, secret).error().is(sasl::kBadCredentials));
}

TEST_CASE("a password of somebody's own that looks like an app password works, and wrong ones count") {
  Desk desk;
  const std::string own = "abcd-efgh-jkmn-pqrs-tuvw-xyza";
  auto credentials = make_credentials(own, kCheap);
  REQUIRE(desk.directory.change_account(kAlice, [&](Account& account) { account.credentials = *credentials; }));
  desk.add(kAlice, "phone", {Use::imap});
  CHECK(desk.check(kAlice, own));
  desk.verifier.set_attempt_limits({.failures_max = 2});
  for (int i = 0; i < 2; ++i)
    CHECK(desk.check(kAlice, "aaaa-bbbb-cccc-dddd-eeee-ffff").error().is(sasl::kBadCredentials));
  const std::string secret = desk.add(kAlice, "laptop", {Use::imap});
  CHECK(desk.check(kAlice, secret).error().is(kLockedOut));
  CHECK(desk.check(kAlice, secret, Use::imap, "192.0.2.2"));
}

TEST_CASE("when and from where one was used is noted, behind the login, and once in an hour") {
  Desk desk;
  const std::string secret = desk.add(kAlice, "phone", {Use::imap, Use::smtp});
  CHECK(!desk.passwords(kAlice)[0].last_use);
  const LastUse first{.at = desk.clock.wall(), .use = Use::imap, .peer = "192.0.2.1"};
  REQUIRE(desk.check(kAlice, secret));
  CHECK(desk.passwords(kAlice)[0].last_use == first);
  desk.clock.advance(kUseNoted - std::chrono::microseconds(1));
  REQUIRE(desk.check(kAlice, secret, Use::smtp, "192.0.2.9"));
  CHECK(desk.passwords(kAlice)[0].last_use == first);
  desk.clock.advance(std::chrono::microseconds(1));
  REQUIRE(desk.check(kAlice, secret, Use::smtp, "192.0.2.9"));
  CHECK(desk.passwords(kAlice)[0].last_use == LastUse{.at = desk.clock.wall(), .use = Use::smtp, .peer = "192.0.2.9"});
  // A use that is refused is none.
  const LastUse last = *desk.passwords(kAlice)[0].last_use;
  desk.clock.advance(kUseNoted);
  CHECK(!desk.check(kAlice, secret, Use::pop3));
  CHECK(desk.passwords(kAlice)[0].last_use == last);
}

TEST_CASE("who is kept elsewhere logs in by an app password, also while that does not answer, until they are gone") {
  Desk desk;
  const std::string secret = desk.add(kAnna, "phone", {Use::imap});
  CHECK(desk.check("anna", secret)->address == kAnna);
  CHECK(desk.check(kAnna, secret));
  CHECK_MESSAGE(desk.elsewhere.asked == 0, "an app password is nobody else's to check");
  CHECK(desk.check(kAnna, "of anna"));
  desk.elsewhere.away = true;
  CHECK(desk.check(kAnna, secret));
  CHECK(desk.check("bob@example.test", secret).error().is(sasl::kUnavailable));
  desk.elsewhere.away = false;
  desk.elsewhere.gone = true;
  CHECK(desk.check(kAnna, secret).error().is(sasl::kBadCredentials));
}

TEST_CASE("with a second factor the password alone is refused, with a code it is enough once, app passwords go on") {
  Desk desk;
  const std::string secret = desk.add(kAlice, "phone", {Use::imap});
  const Totp totp = desk.turn_on(kAlice);
  CHECK(desk.check(kAlice, "wonder land").error().is(sasl::kSecondFactor));
  CHECK_MESSAGE(desk.check(kAlice, "wonder lamp").error().is(sasl::kBadCredentials), "no more is told of a guess");
  CHECK(desk.check(kAlice, secret));
  const std::string code = desk.code(totp);
  CHECK(desk.check(kAlice, "wonder lamp$" + code).error().is(sasl::kBadCredentials));
  CHECK(desk.check(kAlice, "wonder land$" + code));
  CHECK(desk.check(kAlice, "wonder land$" + code).error().is(sasl::kBadCredentials));
  CHECK(desk.directory.account(kAlice).value()->totp->last_step == totp_step(desk.clock.wall()));
  desk.clock.advance(std::chrono::seconds(30));
  CHECK(desk.check(kAlice, "wonder land$" + desk.code(totp)));
  CHECK(!desk.check(kAlice, "wonder land$000000$" + desk.code(totp)));
}

TEST_CASE("a wrong password with a right code leaves the code for its owner") {
  Desk desk;
  const Totp totp = desk.turn_on(kAlice);
  CHECK(!desk.check(kAlice, "wonder lamp$" + desk.code(totp)));
  CHECK(desk.check(kAlice, "wonder land$" + desk.code(totp)));
}

TEST_CASE("a second factor that is not confirmed yet asks nothing, nor does it give meaning to a dollar sign") {
  Desk desk;
  auto credentials = make_credentials("wonder$123456", kCheap);
  REQUIRE(desk.directory.change_account(kAlice, [&](Account& account) {
    account.credentials = *credentials;
    account.totp = make_totp(desk.clock.wall());
  }));
  CHECK(desk.check(kAlice, "wonder$123456"));
  CHECK(!desk.check(kAlice, "wonder"));
  const Totp totp = desk.turn_on(kAlice);
  CHECK(desk.check(kAlice, "wonder$123456$" + desk.code(totp)));
}

TEST_CASE("a recovery code stands for the device, once") {
  Desk desk;
  Totp totp = desk.turn_on(kAlice);
  const auto codes = make_recovery_codes(totp).value();
  REQUIRE(desk.directory.change_account(kAlice, [&](Account& account) { account.totp = totp; }));
  CHECK(desk.check(kAlice, "wonder land$" + codes[4]));
  CHECK(!desk.check(kAlice, "wonder land$" + codes[4]));
  CHECK(desk.directory.account(kAlice).value()->totp->recovery.size() == kRecoveryCodes - 1);
}

TEST_CASE("one code for two logins at a time lets one of them in") {
  Desk desk;
  const Totp totp = desk.turn_on(kAlice);
  const std::string given = "wonder land$" + desk.code(totp);
  std::vector<std::optional<Result<Account>>> outcomes(2);
  for (auto& outcome : outcomes)
    desk.loop.spawn([](Verifier& verifier, std::string password, std::optional<Result<Account>>& out) -> io::Task<> {
      out.emplace(co_await verifier.check_password(std::string(kAlice), std::move(password), "", Use::imap));
    }(desk.verifier, given, outcome));
  desk.loop.run();
  REQUIRE((outcomes[0] && outcomes[1]));
  CHECK(outcomes[0]->has_value() != outcomes[1]->has_value());
}

TEST_CASE("RFC 4226 section 7.3: wrong codes of one account are counted, from wherever they come") {
  Desk desk;
  const Totp totp = desk.turn_on(kAlice);
  const auto guess = [&](int i) {
    return desk.check(kAlice, "wonder land$" + std::to_string(100'000 + i), Use::imap,
                      "192.0.2." + std::to_string(10 + i));
  };
  for (std::uint32_t i = 0; i < Verifier::kCodeLimits.failures_max; ++i)
    CHECK(guess(static_cast<int>(i)).error().is(sasl::kBadCredentials));
  const auto locked = guess(50);
  CHECK(locked.error().is(kLockedOut));
  CHECK(locked.error().text() == "too many wrong codes for this account; an app password works");
  const std::string secret = desk.add(kAlice, "phone", {Use::imap});
  CHECK(desk.check(kAlice, "wonder land$" + desk.code(totp)).error().is(kLockedOut));
  CHECK_MESSAGE(desk.check(kAlice, secret), "app passwords go on");
  desk.clock.advance(Verifier::kCodeLimits.window);
  CHECK(desk.check(kAlice, "wonder land$" + desk.code(totp)));
}

TEST_CASE("who is kept elsewhere may have a second factor here") {
  Desk desk;
  const Totp totp = desk.turn_on(kAnna);
  CHECK(desk.check("anna", "of anna").error().is(sasl::kSecondFactor));
  CHECK(desk.check("anna", "of anna$" + desk.code(totp))->address == kAnna);
  CHECK(!desk.check("anna", "of anna$" + desk.code(totp)));
  CHECK(account::test::finish(desk.loop, desk.verifier.wants_second_factor("anna")).value());
  desk.elsewhere.away = true;
  CHECK_MESSAGE(!account::test::finish(desk.loop, desk.verifier.wants_second_factor("anna")),
                "whom nobody can name is not let off");
}

TEST_CASE("a code goes to nobody else while it cannot be told whose it is") {
  Desk desk;
  const Totp totp = desk.turn_on(kAnna);
  desk.elsewhere.away = true;
  CHECK(desk.check("anna", "of anna$" + desk.code(totp)).error().is(sasl::kUnavailable));
  CHECK(desk.elsewhere.asked == 0);
  desk.elsewhere.away = false;
  CHECK(desk.check("anna", "of anna$" + desk.code(totp)));
}

TEST_CASE("a new password and new keys leave the second factor as it is") {
  Desk desk;
  Totp totp = desk.turn_on(kAlice);
  REQUIRE(desk.directory.change_account(
      kAlice, [](Account& account) { account.credentials.on_demand.want(Demand::cram_md5); }));
  const std::string code = desk.code(totp);
  REQUIRE(desk.check(kAlice, "wonder land$" + code));  // makes the keys
  const auto after = *desk.directory.account(kAlice).value();
  CHECK(after.credentials.on_demand.has(Demand::cram_md5, ""));
  CHECK(after.totp->last_step == totp_step(desk.clock.wall()));
  CHECK(!desk.check(kAlice, "wonder land$" + code));
}
