#include "agent/system_users.h"

#include <pwd.h>
#include <unistd.h>

#include <condition_variable>

#include "account/support.h"
#include "agent/credential.h"
#include "agent/local_user.h"
#include "agent/sorting.h"
#include "alias/memory_files.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

using account::test::finish;
using Kind = account::Users::Check::Kind;

/// Users as a table; "later" is nobody's to tell, and "slow" waits until it is let go.
class Table final : public UserSource {
 public:
  std::vector<cage::User> users{
      {.name = "anna", .uid = 1000, .gid = 1000, .home = "/home/anna", .full_name = "Anna B"}};
  int questions = 0;
  std::string remote;

  Result<std::optional<cage::User>> find_user(const std::string& name) override {
    std::unique_lock lock(mutex_);
    ++questions;
    changed_.notify_all();
    if (name == "slow") changed_.wait(lock, [&] { return open_; });
    if (name == "later") return fail(cage::kUnavailable, "no directory service");
    for (const cage::User& user : users)
      if (user.name == name) return user;
    return std::nullopt;
  }
  Result<cage::Verdict> check_password(const std::string& name, sasl::Secret password,
                                       const std::string& peer) override {
    remote = peer;
    if (password.view() == "later") return fail(cage::kUnavailable, "PAM cannot");
    return password.view() == "of " + name ? cage::Verdict::right : cage::Verdict::wrong;
  }
  Result<std::optional<cage::Forward>> forward(const std::string& name) override {
    for (const cage::User& user : users)
      if (user.name == name && !user.home.empty())
        return cage::Forward{.user = user,
                             .files = {{.path = user.home + "/.forward",
                                        .state = cage::ForwardFile::State::there,
                                        .status = {.regular = true, .owner = user.uid},
                                        .text = "bob@example.org"}}};
    return std::nullopt;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

/// So that the test keeps hold of what the users own.
class Borrowed final : public UserSource {
 public:
  explicit Borrowed(Table& table) : table_(table) {}
  Result<std::optional<cage::User>> find_user(const std::string& name) override { return table_.find_user(name); }
  Result<cage::Verdict> check_password(const std::string& name, sasl::Secret password,
                                       const std::string& remote) override {
    return table_.check_password(name, std::move(password), remote);
  }
  Result<std::optional<cage::Forward>> forward(const std::string& name) override { return table_.forward(name); }

 private:
  Table& table_;
};

configuration::Configuration settings() {
  configuration::Configuration c;
  c.server.hostname = "mx.example.test";
  c.auth.argon2_memory_kib = 64;
  c.auth.argon2_passes = 1;
  c.store.reserve = 0;
  return c;
}

struct House {
  io::SimulatedLoop loop;
  ManualClock clock;
  Table table;
  std::unique_ptr<Services> services = *Services::open_on(
      *store::open_memory_volume(std::make_shared<store::MemoryDisk>()), store::StateKind::sorted, settings());
  SystemUsers users{std::make_unique<Borrowed>(table), *services, "mx.example.test", clock};
  bool found = false;

  explicit House(const std::string& domain = "example.test") {
    if (!domain.empty()) REQUIRE(services->directory().add_domain(domain));
  }
  Kind check(std::string name, std::string_view password) {
    const auto checked = finish(loop, users.check_password(std::move(name), sasl::Secret::copy(password), "192.0.2.1"));
    REQUIRE(checked);
    return checked->kind;
  }
};

/// Addresses of the mailboxes that `name` leads to, or the first trouble; `aliases`: the host's file.
std::string readers(House& house, const std::string& name, const std::string& aliases) {
  alias::MemoryFiles files;
  files.write("/etc/aliases", aliases, {});
  LocalTerms local;
  local.hostname = "mx.example.test";
  local.domains = {"mx.example.test", "localhost"};
  local.files = &files;
  local.aliases = {std::make_shared<alias::AliasFile>(files, "/etc/aliases", 0, house.clock)};
  local.users = std::make_shared<UsersOfHost>(house.users);
  const auto sorted = sort_mail(*house.services, &local, *envelope::parse_mailbox(name, {}));
  REQUIRE(sorted);
  std::string all;
  for (const auto& account : sorted->accounts) all += (all.empty() ? "" : ", ") + account.address;
  if (!sorted->problems.empty()) all += sorted->problems.front().enhanced;
  return all;
}

}  // namespace

TEST_CASE("RFC 5321 4.5.1: who always has a reader has one on a host without accounts: by the aliases, or else root") {
  for (const std::string domain : {"", "example.test"}) {
    CAPTURE(domain);
    House house(domain);
    house.table.users.push_back({.name = "bert", .uid = 1001, .gid = 1001});
    std::erase_if(house.table.users, [](const cage::User& user) { return user.name == "anna"; });
    const std::string at = "@" + (domain.empty() ? "mx.example.test" : domain);
    for (const std::string name : {"postmaster", "abuse", "MAILER-DAEMON", "root", "Abuse+x"}) {
      CAPTURE(name);
      const std::string asked = name + "@localhost";
      CHECK(readers(house, asked, "") == "root" + at);
      // Debian's own.
      CHECK(readers(house, asked, "mailer-daemon: postmaster\npostmaster: root\nabuse: root\n") == "root" + at);
      CHECK(readers(house, asked, "root: bert\n") == "bert" + at);
      CHECK(readers(house, asked, "postmaster: bert\n") == (name == "root" ? "root" + at : "bert" + at));
    }
    CHECK(readers(house, "postmaster@localhost", "root: postmaster\npostmaster: root\n") == "5.4.6");
    CHECK(readers(house, "nobody@localhost", "root: bert\n") == "5.1.1");
    CHECK(readers(house, "list@localhost", "list: abuse, bert\n") == "root" + at + ", bert" + at);
  }
}

TEST_CASE("root's mailbox is read by root at the host alone") {
  House house;
  CHECK(readers(house, "root@localhost", "") == "root@example.test");
  CHECK(house.check("root", "of root") == Kind::nobody);
  const auto opened = finish(house.loop, mailbox_of(*house.services, &house.users, 0));
  REQUIRE(opened);
  CHECK(opened->address == "root@example.test");
  // An account that the operator added is somebody's own.
  House other;
  REQUIRE(other.services->directory().add_account(
      {.address = "root@example.test", .name = "", .quota = {}, .credentials = {}}));
  CHECK_FALSE(finish(other.loop, mailbox_of(*other.services, &other.users, 0)));
}

TEST_CASE("a user of the host opens the own mailbox by the kernel's word, and no other one") {
  // Root is no user that is served.
  const passwd* const me = getpwuid(getuid() == 0 ? 1 : getuid());
  REQUIRE(me != nullptr);
  const std::string name = me->pw_name;
  const unsigned uid = me->pw_uid;
  const auto opens = [](House& house, SystemUsers* users, unsigned caller) {
    return finish(house.loop, mailbox_of(*house.services, users, caller));
  };
  {
    House house;
    CHECK(opens(house, nullptr, uid).error().is(kNoMailbox));
    // Whom the host's list for mail does not have.
    CHECK(opens(house, &house.users, uid).error().is(kNoMailbox));
    CHECK(opens(house, &house.users, 4'000'000).error().is(kNoMailbox));
  }
  {
    House house;
    house.table.users.push_back({.name = name, .uid = uid, .gid = 1, .home = "/", .full_name = ""});
    CHECK(opens(house, &house.users, uid).value().address == name + "@example.test");
  }
  {
    // The name is another's in the list for mail.
    House house;
    house.table.users.push_back({.name = name, .uid = uid + 1, .gid = 1, .home = "/", .full_name = ""});
    CHECK(opens(house, &house.users, uid).error().is(kNoMailbox));
  }
  {
    // Somebody has added the account, for whomever.
    House house;
    house.table.users.push_back({.name = name, .uid = uid, .gid = 1, .home = "/", .full_name = ""});
    REQUIRE(house.services->directory().add_account(
        {.address = name + "@example.test", .name = "", .quota = {}, .credentials = {}},
        [&](const account::Account& made, store::Batch& batch) {
          house.services->mail().create_account(made.id, {}, batch);
        }));
    CHECK(opens(house, &house.users, uid).error().is(kNoMailbox));
  }
}

TEST_CASE("a user's account and mailboxes are made at the first need, once, and nobody else's") {
  House house;
  const auto first = house.users.find("anna");
  REQUIRE(first);
  REQUIRE(*first);
  CHECK((*first)->account.address == "anna@example.test");
  CHECK((*first)->account.name == "Anna B");
  CHECK((*first)->user.home == "/home/anna");
  const auto again = house.users.find("anna");
  REQUIRE(again);
  CHECK((*again)->account.id == (*first)->account.id);
  const auto mail = finish(house.loop, house.services->mail().account((*first)->account.id));
  REQUIRE(mail);
  CHECK((*mail)->listing()->find("INBOX") != nullptr);
  for (const auto* const nobody : {"bob", "", "a/b", "anna+x"}) CHECK(!*house.users.find(nobody));
  CHECK(house.services->directory().accounts()->size() == 1);
  // Who gets the first letter does not become the postmaster by it.
  CHECK((*house.services->directory().domain("example.test"))->postmaster.empty());
}

TEST_CASE(
    "names belong to the host's own name if it is served, else to the first domain; without any it serves its own") {
  House own("mx.example.test");
  REQUIRE(own.services->directory().add_domain("a.test"));
  CHECK((*own.users.find("anna"))->account.address == "anna@mx.example.test");
  House none("");
  CHECK((*none.users.find("anna"))->account.address == "anna@mx.example.test");
  CHECK(none.services->directory().is_local("mx.example.test") == true);
}

TEST_CASE("an account that stands already is the user's; an alias of the name is not") {
  House house;
  account::Directory& directory = house.services->directory();
  const auto own = directory.add_account({.address = "anna@example.test", .name = "", .quota = {}, .credentials = {}});
  REQUIRE(own);
  CHECK((*house.users.find("anna"))->account.id == own->id);
  house.table.users.push_back({.name = "carl", .uid = 1001, .gid = 1001});
  REQUIRE(directory.add_alias("carl@example.test", account::Alias::Kind::alias, {"anna@example.test"}));
  CHECK(!*house.users.find("carl"));
  CHECK(house.check("carl", "of carl") == Kind::wrong);
}

TEST_CASE("who follows addresses finds a user with uid, home, .forward and account, and nobody who is switched off") {
  House house;
  UsersOfHost users(house.users);
  const auto anna = users.find("anna");
  REQUIRE(anna);
  REQUIRE(*anna);
  CHECK((*anna)->uid == 1000);
  CHECK((*anna)->home == "/home/anna");
  CHECK((*anna)->mailbox.address == "anna@example.test");
  REQUIRE((*anna)->forward);
  CHECK((*anna)->forward->list.targets.size() == 1);
  CHECK((*house.services->directory().account("anna@example.test"))->origin == account::Origin::host);
  CHECK(!*users.find("bob"));
  REQUIRE(house.services->directory().change_account(
      "anna@example.test", [](account::Account& account) { account.status = account::Status::disabled; }));
  CHECK(!*users.find("anna"));
}

TEST_CASE("what is known is not asked again for a while, nobody for a shorter one, and an outage is not remembered") {
  House house;
  for (int i = 0; i < 3; ++i) {
    CHECK(*house.users.find("anna"));
    CHECK(!*house.users.find("bob"));
  }
  CHECK(house.table.questions == 2);
  house.clock.advance(kNobodyKnown);
  CHECK(!*house.users.find("bob"));
  CHECK(*house.users.find("anna"));
  CHECK(house.table.questions == 3);
  house.clock.advance(kUserKnown);
  house.table.users.clear();
  CHECK(!*house.users.find("anna"));
  CHECK(house.table.questions == 4);
  for (int i = 0; i < 2; ++i) {
    const auto later = house.users.find("later");
    REQUIRE(!later);
    CHECK(later.error().temporary());
  }
  CHECK(house.table.questions == 6);
}

TEST_CASE("names that the host is slow to tell of hold up nobody but who asks for them") {
  House house;
  Services& services = *house.services;
  LocalTerms local{.hostname = "mx.example.test", .domains = {"example.test"}, .aliases = {}};
  local.users = std::make_shared<UsersOfHost>(house.users);
  const auto sort = [&](std::string party, std::string name) -> io::Task<Result<Sorted>> {
    co_return co_await io::run(services.names(), std::move(party), [&, name] {
      return sort_mail(services, &local, {.local_part = name, .domain = "example.test"});
    });
  };
  std::vector<account::Resolution::Kind> guessed;
  for (std::size_t i = 0; i < 2 * kNameThreads; ++i)
    house.loop.spawn([](io::Task<Result<Sorted>> task, std::vector<account::Resolution::Kind>& into) -> io::Task<> {
      const auto sorted = co_await std::move(task);
      into.push_back(sorted ? sorted->kind : account::Resolution::Kind::disabled);
    }(sort("guesser", "slow"), guessed));
  house.loop.spawn([](io::Task<Result<Sorted>> task, Table& table, bool& found) -> io::Task<> {
    const auto sorted = co_await std::move(task);
    found = sorted && sorted->kind == account::Resolution::Kind::accounts;
    table.open();
  }(sort("192.0.2.9", "anna"), house.table, house.found));
  house.loop.settle();
  CHECK(house.found);
  CHECK(guessed == std::vector(2 * kNameThreads, account::Resolution::Kind::unknown));
}

TEST_CASE("users log in by their name, or with it at the host, its first domain and those that are named") {
  House house;
  REQUIRE(house.services->directory().add_domain("other.test"));
  for (const auto* const name : {"anna", "ANNA", "anna@example.test", "anna@MX.example.test", "anna@Example.TEST"})
    CHECK(house.check(name, "of anna") == Kind::right);
  CHECK(house.table.remote == "192.0.2.1");
  CHECK(house.check("anna@other.test", "of anna") == Kind::nobody);
  house.users.set_domains({"Other.test"});
  CHECK(house.check("anna@other.test", "of anna") == Kind::right);
  CHECK(house.check("anna@elsewhere.test", "of anna") == Kind::nobody);
  CHECK(house.check("bob", "of bob") == Kind::nobody);
  CHECK(house.check("anna", "of bob") == Kind::wrong);
  CHECK(house.check("@", "of anna") == Kind::nobody);
  CHECK(house.services->directory().accounts()->size() == 1);
  const auto known = finish(house.loop, house.users.account("anna@mx.example.test"));
  REQUIRE(known);
  REQUIRE(*known);
  CHECK((*known)->address == "anna@example.test");
}

TEST_CASE("an account that was added takes only its own password, whatever user of the host has its name") {
  House house;
  REQUIRE(house.services->directory().add_account(
      {.address = "anna@example.test", .name = "", .quota = {}, .credentials = {}}));
  for (const auto* const name : {"anna", "anna@example.test", "anna@mx.example.test"}) {
    CHECK(house.check(name, "of anna") == Kind::nobody);
    CHECK(house.check(name, "x") == Kind::nobody);
    CHECK(!*finish(house.loop, house.users.account(name)));
  }
  CHECK(house.table.remote.empty());
}

TEST_CASE("a user who is switched off here does not log in by a password that is still believed") {
  House house;
  account::Verifier& verifier = house.services->verifier();
  verifier.set_users(house.users);
  REQUIRE(finish(house.loop, verifier.check_password("anna", "of anna", "192.0.2.1", account::Use::imap)));
  REQUIRE(house.services->directory().change_account(
      "anna@example.test", [](account::Account& account) { account.status = account::Status::disabled; }));
  for (const auto* const name : {"anna", "anna@example.test"}) {
    const auto off = finish(house.loop, verifier.check_password(name, "of anna", "192.0.2.1", account::Use::imap));
    REQUIRE(!off);
    CHECK(off.error().is(sasl::kBadCredentials));
    CHECK(!finish(house.loop, verifier.proven(name)));
  }
}

TEST_CASE("a wrong password makes no mailbox, and an outage is neither right nor wrong") {
  House house;
  CHECK(house.check("anna", "x") == Kind::wrong);
  CHECK(house.services->directory().accounts()->empty());
  for (const auto& [name, password] : {std::pair("anna", "later"), std::pair("later", "x")}) {
    const auto checked = finish(house.loop, house.users.check_password(name, sasl::Secret::copy(password), ""));
    REQUIRE(!checked);
    CHECK(checked.error().is(sasl::kUnavailable));
  }
}

TEST_CASE("a session of a user who logged in without a domain finds the account for each of its messages") {
  House house;
  house.services->verifier().set_users(house.users);
  const LoginTerms terms;
  CredentialDesk desk(*house.services, account::Use::imap, io::Endpoint(*io::IpAddress::parse("192.0.2.1"), 1), terms);
  const sasl::Identity anna{.authentication_id = "anna", .authorization_id = "anna"};
  REQUIRE(finish(house.loop, desk.verify_password(anna, sasl::Secret::copy("of anna"))));
  for (int i = 0; i < 3; ++i) {
    const auto account = finish(house.loop, desk.account(anna));
    REQUIRE(account);
    CHECK(account->address == "anna@example.test");
  }
  const auto other = finish(house.loop, desk.verify_password({.authentication_id = "anna", .authorization_id = "bob"},
                                                             sasl::Secret::copy("of anna")));
  REQUIRE(!other);
  CHECK(other.error().is(sasl::kNotAuthorized));
}

}  // namespace angarium::agent
