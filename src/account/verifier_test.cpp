#include "account/verifier.h"

#include "account/support.h"

using namespace angarium;
using namespace angarium::account;

namespace {

// The least Argon2id takes: the tests are about who is let in, not about cost.
constexpr PasswordCost kCheap{.memory_kib = 8, .passes = 1};

struct Desk {
  std::unique_ptr<store::Tablet> tablet = account::test::memory_tablet();
  Directory directory{*tablet};
  io::SimulatedLoop loop;
  ManualClock clock;
  io::Pool pool{{.name = "read"}};
  Verifier verifier;

  explicit Desk(VerifierOptions options = {}) : verifier(directory, pool, cheap(options), clock) {
    REQUIRE(directory.add_domain("example.test"));
    add("alice@example.test", "wonder land");
  }
  static VerifierOptions cheap(VerifierOptions options) {
    options.cost = kCheap;
    return options;
  }
  void add(const std::string& address, std::string_view password) {
    auto credentials = make_credentials(password, kCheap);
    REQUIRE(credentials);
    REQUIRE(directory.add_account({.address = address, .name = "", .quota = {}, .credentials = *credentials}));
  }
  Result<Account> check(std::string name, std::string password, std::string peer = "192.0.2.1") {
    return account::test::finish(
        loop, verifier.check_password(std::move(name), std::move(password), std::move(peer), Use::imap));
  }
};

}  // namespace

TEST_CASE("the right password lets in, every other one is refused in the same words") {
  Desk desk;
  auto in = desk.check("Alice@Example.TEST", "wonder land");
  REQUIRE(in);
  CHECK(in->address == "alice@example.test");
  auto wrong = desk.check("alice@example.test", "wonderland");
  auto unknown = desk.check("nobody@example.test", "wonder land");
  auto no_address = desk.check("alice", "wonder land");
  REQUIRE((!wrong && !unknown && !no_address));
  CHECK(wrong.error().is(sasl::kBadCredentials));
  CHECK(unknown.error().is(sasl::kBadCredentials));
  CHECK(no_address.error().is(sasl::kBadCredentials));
  CHECK(wrong.error().text() == unknown.error().text());
}

TEST_CASE("an unknown user costs a hash as well") {
  Desk desk;
  const auto before = desk.verifier.hashes();
  CHECK(!desk.check("nobody@example.test", "x"));
  CHECK(desk.verifier.hashes() == before + 1);
}

TEST_CASE("a verified password is remembered, until it changes") {
  Desk desk;
  REQUIRE(desk.check("alice@example.test", "wonder land"));
  const auto before = desk.verifier.hashes();
  REQUIRE(desk.check("alice@example.test", "wonder land"));
  CHECK(desk.verifier.hashes() == before);
  CHECK(!desk.check("alice@example.test", "wrong"));
  CHECK(desk.verifier.hashes() == before + 1);

  auto changed = make_credentials("another", kCheap);
  REQUIRE(changed);
  REQUIRE(desk.directory.change_account("alice@example.test", [&](Account& account) {
    const auto version = account.credentials.version;
    account.credentials = *changed;
    account.credentials.version = version + 1;
  }));
  CHECK(!desk.check("alice@example.test", "wonder land"));
  CHECK(desk.check("alice@example.test", "another"));
}

TEST_CASE("a disabled account is refused like a wrong password, also from memory") {
  Desk desk;
  REQUIRE(desk.check("alice@example.test", "wonder land"));
  REQUIRE(
      desk.directory.change_account("alice@example.test", [](Account& account) { account.status = Status::disabled; }));
  CHECK(desk.check("alice@example.test", "wonder land").error().is(sasl::kBadCredentials));
  CHECK(account::test::finish(desk.loop, desk.verifier.proven("alice@example.test")).error().is(sasl::kBadCredentials));
  CHECK(!account::test::finish(desk.loop, desk.verifier.scram_keys("alice@example.test", sasl::Hash::sha256)).value());
}

TEST_CASE("the memory of passwords is bounded") {
  Desk desk({.cost = {}, .cache_max = 2});
  desk.add("b@example.test", "b");
  desk.add("c@example.test", "c");
  REQUIRE(desk.check("alice@example.test", "wonder land"));
  REQUIRE(desk.check("b@example.test", "b"));
  REQUIRE(desk.check("c@example.test", "c"));
  const auto before = desk.verifier.hashes();
  REQUIRE(desk.check("alice@example.test", "wonder land"));
  CHECK(desk.verifier.hashes() == before + 1);
}

TEST_CASE("after five failures an address waits, another one does not") {
  Desk desk;
  for (int i = 0; i < 5; ++i) CHECK(desk.check("alice@example.test", "wrong").error().is(sasl::kBadCredentials));
  CHECK(desk.check("alice@example.test", "wonder land").error().is(kLockedOut));
  CHECK(desk.check("alice@example.test", "wonder land", "192.0.2.2"));
  for (int i = 0; i < 9; ++i) CHECK(desk.check("alice@example.test", "wrong", "").error().is(sasl::kBadCredentials));
  CHECK(desk.check("alice@example.test", "wonder land", ""));
  desk.clock.advance(std::chrono::minutes(10));
  CHECK(desk.check("alice@example.test", "wonder land"));
}

TEST_CASE("SCRAM keys are found by name and hash") {
  Desk desk;
  auto keys = account::test::finish(desk.loop, desk.verifier.scram_keys("ALICE@example.test", sasl::Hash::sha1));
  REQUIRE((keys && *keys));
  CHECK((*keys)->hash == sasl::Hash::sha1);
  CHECK((*keys)->iterations == sasl::kScramIterations);
  CHECK(!account::test::finish(desk.loop, desk.verifier.scram_keys("nobody@example.test", sasl::Hash::sha1)).value());
}

TEST_CASE("failures are counted by IPv4 address and by IPv6 network") {
  CHECK(attempt_key("192.0.2.1") == "192.0.2.1");
  CHECK(attempt_key("::ffff:192.0.2.1") == "192.0.2.1");
  CHECK(attempt_key("2001:db8::1") == attempt_key("2001:db8:0:0:ffff::2"));
  CHECK(attempt_key("2001:db8::1") != attempt_key("2001:db8:0:1::1"));
}

TEST_CASE("the table of addresses is bounded and forgets the longest quiet") {
  ManualClock clock;
  Attempts attempts({.failures_max = 2, .window = std::chrono::minutes(10), .addresses_max = 4}, clock);
  for (int i = 0; i < 4; ++i) {
    attempts.failed("192.0.2." + std::to_string(i));
    clock.advance(std::chrono::minutes(1));
  }
  attempts.failed("192.0.2.3");
  attempts.failed("192.0.2.9");
  CHECK(attempts.addresses() <= 4);
  CHECK(attempts.locked_out("192.0.2.3"));
  CHECK(!attempts.locked_out("192.0.2.0"));
}

TEST_CASE("new limits judge the failures that were counted before") {
  ManualClock clock;
  Attempts attempts({.failures_max = 3}, clock);
  for (int i = 0; i < 2; ++i) attempts.failed("192.0.2.1");
  CHECK(!attempts.locked_out("192.0.2.1"));
  attempts.set_limits({.failures_max = 2});
  CHECK(attempts.locked_out("192.0.2.1"));
  attempts.set_limits({.failures_max = 3});
  CHECK(!attempts.locked_out("192.0.2.1"));
  attempts.set_limits({.failures_max = 2, .window = std::chrono::minutes(1)});
  CHECK(attempts.locked_out("192.0.2.1"));
  clock.advance(std::chrono::minutes(1));
  CHECK(!attempts.locked_out("192.0.2.1"));
}

TEST_CASE("generated passwords differ and are easy to type") {
  const std::string one = generate_password();
  CHECK(one != generate_password());
  CHECK(one.size() == 24);
  CHECK(one.find_first_not_of("abcdefghijkmnpqrstuvwxyz23456789-") == std::string::npos);
}

TEST_CASE("passwords that cannot be are refused") {
  CHECK(make_credentials("", kCheap).error().is(kInvalid));
  CHECK(make_credentials("\x01", kCheap).error().is(kInvalid));
  CHECK(make_credentials(std::string(1024, 'x'), kCheap));
  CHECK(make_credentials(std::string(1025, 'x'), kCheap).error().is(kInvalid));
}

namespace {

/// Users of a host, as a table; "later" is nobody's to tell.
class TableUsers final : public Users {
 public:
  std::string password = "of the host";
  bool there = true;
  bool outage = false;
  bool tells_keys = false;  ///< PAM does not
  int checks = 0;
  std::vector<std::string> peers;

  io::Task<Result<Check>> check_password(std::string name, sasl::Secret given, std::string peer) override {
    ++checks;
    peers.push_back(std::move(peer));
    if (outage) co_return fail(sasl::kUnavailable, "no directory service");
    if (!there || (name != "bob" && name != "bob@example.test")) co_return Check{};
    if (given.view() != password) co_return Check{.kind = Check::Kind::wrong};
    co_return Check{.kind = Check::Kind::right, .account = bob()};
  }
  io::Task<Result<std::optional<Account>>> account(std::string name) override {
    if (!there || (name != "bob" && name != "bob@example.test")) co_return std::nullopt;
    co_return bob();
  }
  io::Task<Result<std::optional<sasl::ScramKeys>>> scram_keys(std::string name, sasl::Hash hash) override {
    if (outage) co_return fail(sasl::kUnavailable, "later");
    if (!tells_keys || (name != "bob" && name != "bob@example.test")) co_return std::nullopt;
    co_return sasl::ScramKeys{
        .hash = hash, .iterations = 4096, .salt = "of the host", .stored_key = "", .server_key = ""};
  }

 private:
  static Account bob() { return {.id = 77, .address = "bob@example.test"}; }
};

}  // namespace

TEST_CASE("users of the host log in by name or address; who has a password of its own is not asked of them") {
  TableUsers users;
  Desk desk({.users_cache = Duration(0)});
  desk.verifier.set_users(users);
  for (const auto* const name : {"bob", "bob@example.test"}) {
    const auto in = desk.check(name, "of the host");
    REQUIRE(in);
    CHECK(in->id == 77);
  }
  CHECK(desk.check("alice@example.test", "wonder land"));
  CHECK(users.checks == 2);
  CHECK(users.peers == std::vector<std::string>{"192.0.2.1", "192.0.2.1"});
  const auto proven = account::test::finish(desk.loop, desk.verifier.proven("bob"));
  REQUIRE(proven);
  CHECK(proven->id == 77);
}

TEST_CASE("a user's wrong password, and nobody, are refused in the same words and counted once each") {
  TableUsers users;
  Desk desk({.attempts = {.failures_max = 2}});
  desk.verifier.set_users(users);
  const auto before = desk.verifier.hashes();
  const auto wrong = desk.check("bob", "x");
  CHECK(desk.verifier.hashes() == before);
  const auto nobody = desk.check("carol", "x");
  CHECK(desk.verifier.hashes() == before + 1);
  REQUIRE((!wrong && !nobody));
  CHECK(wrong.error().is(sasl::kBadCredentials));
  CHECK(wrong.error().text() == nobody.error().text());
  const auto third = desk.check("bob", "of the host");
  REQUIRE(!third);
  CHECK(third.error().is(kLockedOut));
}

TEST_CASE("an outage of the users' passwords is temporary and no attempt") {
  TableUsers users;
  users.outage = true;
  Desk desk({.attempts = {.failures_max = 1}});
  desk.verifier.set_users(users);
  for (int i = 0; i < 3; ++i) {
    const auto later = desk.check("bob", "of the host");
    REQUIRE(!later);
    CHECK(later.error().is(sasl::kUnavailable));
  }
  users.outage = false;
  CHECK(desk.check("bob", "of the host"));
}

TEST_CASE("a user's right password is remembered for the time that is set, for that user and password alone") {
  TableUsers users;
  Desk desk({.users_cache = std::chrono::minutes(1)});
  desk.verifier.set_users(users);
  REQUIRE(desk.check("bob", "of the host"));
  users.password = "another";
  users.outage = true;
  CHECK(desk.check("bob", "of the host"));
  CHECK(users.checks == 1);
  CHECK(!desk.check("bob", "of the hos"));
  CHECK(!desk.check("bob@example.test", "of the host"));
  CHECK(users.checks == 3);
  desk.clock.advance(std::chrono::minutes(1));
  CHECK(!desk.check("bob", "of the host"));
  CHECK(users.checks == 4);
  // A user who is gone is not let in by what is remembered.
  users.outage = false;
  REQUIRE(desk.check("bob", "another"));
  users.there = false;
  CHECK(!desk.check("bob", "another"));
}

namespace {

/// "ann" is carl's other name for one who checks passwords, and somebody's own name for another.
class TwoBodies final : public Users {
 public:
  io::Task<Result<Check>> check_password(std::string, sasl::Secret, std::string) override {
    co_return Check{.kind = Check::Kind::right, .account = {.id = 5, .address = "carl@example.test"}};
  }
  io::Task<Result<std::optional<Account>>> account(std::string name) override {
    if (name == "carl@example.test") co_return Account{.id = carl, .address = "carl@example.test"};
    co_return Account{.id = 6, .address = "ann@example.test"};
  }
  io::Task<Result<std::optional<sasl::ScramKeys>>> scram_keys(std::string, sasl::Hash) override {
    co_return std::nullopt;
  }
  AccountId carl = 5;
};

}  // namespace

TEST_CASE("a password that is remembered opens the account that it opened, whoever else has the name") {
  TwoBodies users;
  Desk desk({.users_cache = std::chrono::minutes(1)});
  desk.verifier.set_users(users);
  for (int i = 0; i < 2; ++i) CHECK(desk.check("ann", "x").value().id == 5);
  // Another account under that address by now: the password is judged again.
  users.carl = 7;
  CHECK(desk.check("ann", "x").value().id == 5);
}

TEST_CASE("a disabled account stays closed though a user of the host has its name") {
  TableUsers users;
  Desk desk;
  desk.verifier.set_users(users);
  desk.add("bob@example.test", "own");
  REQUIRE(
      desk.directory.change_account("bob@example.test", [](Account& account) { account.status = Status::disabled; }));
  CHECK(!desk.check("bob@example.test", "of the host"));
  CHECK(users.checks == 0);
}

TEST_CASE("SCRAM tries of users of the host go on as those of unknown users") {
  TableUsers users;
  Desk desk;
  desk.verifier.set_users(users);
  const auto keys = account::test::finish(desk.loop, desk.verifier.scram_keys("bob@example.test", sasl::Hash::sha256));
  REQUIRE(keys);
  CHECK(!*keys);
}

TEST_CASE("SCRAM keys of users are theirs who keep them; who has keys here is not asked of them") {
  TableUsers users;
  users.tells_keys = true;
  Desk desk;
  desk.verifier.set_users(users);
  const auto keys = [&](const char* name) {
    return account::test::finish(desk.loop, desk.verifier.scram_keys(name, sasl::Hash::sha256));
  };
  const auto bob = keys("bob@example.test");
  REQUIRE((bob && *bob));
  CHECK((*bob)->salt == "of the host");
  const auto alice = keys("alice@example.test");
  REQUIRE((alice && *alice));
  CHECK((*alice)->salt != "of the host");
  CHECK(!keys("carol@example.test").value());
  users.outage = true;
  CHECK(keys("bob@example.test").error().is(sasl::kUnavailable));
  CHECK(keys("alice@example.test").value());
}
