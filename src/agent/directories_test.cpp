#include "agent/directories.h"

#include <atomic>
#include <map>
#include <semaphore>

#include "account/support.h"
#include "agent/credential.h"
#include "agent/sorting.h"
#include "agent/test_site.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

using account::Origin;
using account::test::finish;
using directory::Person;
using directory::Source;
using Kind = account::Users::Check::Kind;

/// A directory as a table: by each address, who it is; every password is "of " and the address asked for.
class Register final : public Source {
 public:
  std::map<std::string, Person> people;
  std::atomic<bool> away = false;
  std::atomic<int> questions = 0;
  std::counting_semaphore<> slow{0};  ///< what questions about addresses that begin with "slow" wait for

  Result<std::optional<Person>> find(const directory::Asked& asked) override {
    ++questions;
    if (asked.address.starts_with("slow")) slow.acquire();
    if (away) return fail(directory::kUnreachable, "away");
    const auto at = people.find(asked.address);
    if (at == people.end()) return std::nullopt;
    return at->second;
  }
  Result<Check> check(const directory::Asked& asked, const sasl::Secret& password) override {
    const auto person = TRY(find(asked));
    if (!person) return Check{};
    if (password.view() != "of " + asked.address) return Check{.kind = Check::Kind::wrong, .person = {}};
    return Check{.kind = Check::Kind::right, .person = *person};
  }
  Result<std::optional<sasl::ScramKeys>> scram_keys(const directory::Asked& asked, sasl::Hash hash) override {
    const auto person = TRY(find(asked));
    if (!person) return std::nullopt;
    return sasl::ScramKeys{.hash = hash, .iterations = 4096, .salt = "s", .stored_key = "k", .server_key = "v"};
  }
};

configuration::Configuration settings() {
  configuration::Configuration c;
  c.server.hostname = "mx.example.test";
  c.auth.argon2_memory_kib = 64;
  c.auth.argon2_passes = 1;
  c.store.reserve = 0;
  return c;
}

/// "staff" knows anna, who is also ann, and "club" bob; both serve example.test.
struct House {
  io::SimulatedLoop loop;
  ManualClock clock;
  std::shared_ptr<Register> staff = std::make_shared<Register>();
  std::shared_ptr<Register> club = std::make_shared<Register>();
  std::unique_ptr<Services> services = *Services::open_on(
      *store::open_memory_volume(std::make_shared<store::MemoryDisk>()), store::StateKind::sorted, settings());
  Directories directories{*services, "mx.example.test", clock};

  House() {
    staff->people["anna@example.test"] = {.address = "Anna@Example.TEST", .name = "Anna", .quota = 5'000'000};
    staff->people["ann@example.test"] = staff->people["anna@example.test"];
    club->people["bob@example.test"] = {.address = "bob@example.test", .name = "Bob", .quota = {}};
    REQUIRE(directories.use({{.name = "staff", .domains = {"example.test"}, .source = staff, .scram_iterations = 4096},
                             {.name = "club", .domains = {"example.test"}, .source = club}}));
  }
  ~House() {
    directories.end();
    loop.settle();
  }
  House(const House&) = delete;
  House& operator=(const House&) = delete;

  Result<std::optional<account::Destination>> ask(std::string address) {
    return finish(loop, directories.ask(std::move(address)));
  }
  Result<account::Users::Check> check(std::string name, std::string_view password) {
    return finish(loop, directories.check_password(std::move(name), sasl::Secret::copy(password), "192.0.2.1"));
  }
  std::optional<account::Account> account(std::string_view address) { return *services->directory().account(address); }
  void add(const std::string& address) {
    REQUIRE(services->directory().add_account({.address = address, .name = "", .quota = {}, .credentials = {}}));
  }
};

}  // namespace

TEST_CASE("the domains of directories are served, and the first mail makes an account with what is said of its owner") {
  House house;
  CHECK(*house.services->directory().is_local("example.test"));
  CHECK(!house.account("anna@example.test"));
  const auto anna = house.ask("anna@example.test");
  REQUIRE((anna && *anna));
  CHECK((*anna)->address == "anna@example.test");
  const auto account = house.account("anna@example.test");
  REQUIRE(account);
  CHECK(account->origin == Origin::elsewhere);
  CHECK(account->name == "Anna");
  CHECK(account->quota.octets == 5'000'000);
  CHECK(account->credentials.argon2id.empty());
  const auto mail = finish(house.loop, house.services->mail().account(account->id));
  REQUIRE(mail);
  CHECK((*mail)->quota().limits.octets == 5'000'000);
  CHECK(house.services->directory().domain("example.test").value()->postmaster.empty());
}

TEST_CASE("another address of a person is the same account; nobody is nobody, and makes none") {
  House house;
  const auto anna = house.ask("anna@example.test");
  const auto ann = house.ask("ann@example.test");
  REQUIRE((anna && *anna && ann && *ann));
  CHECK((*anna)->id == (*ann)->id);
  CHECK(!house.account("ann@example.test"));
  const auto nobody = house.ask("carol@example.test");
  REQUIRE(nobody);
  CHECK(!*nobody);
  CHECK(!house.account("carol@example.test"));
  CHECK(!house.directories.serves("example.org"));
  CHECK(house.directories.serves("Example.Test"));
}

TEST_CASE("what was said is believed for a while, and no longer") {
  House house;
  REQUIRE(house.ask("anna@example.test"));
  REQUIRE(house.ask("carol@example.test"));
  const int before = house.staff->questions;
  CHECK(house.directories.find("anna@example.test").value());
  CHECK(!house.directories.find("carol@example.test").value());
  CHECK(house.staff->questions == before);
  house.clock.advance(kNoPersonKnown);
  house.staff->people["carol@example.test"] = {.address = "carol@example.test", .name = "", .quota = {}};
  CHECK(house.directories.find("carol@example.test").value());
  house.clock.advance(kPersonKnown);
  house.staff->people.erase("anna@example.test");
  CHECK(!house.directories.find("anna@example.test").value());
  CHECK_MESSAGE(house.account("anna@example.test"), "her mail stays");
}

TEST_CASE("an outage is never nobody, and who was known goes on, by each address") {
  House house;
  REQUIRE(house.ask("ann@example.test"));
  house.staff->away = house.club->away = true;
  house.clock.advance(kPersonKnown);
  const auto ann = house.ask("ann@example.test");
  REQUIRE(ann);
  CHECK(*ann);
  const auto carol = house.ask("carol@example.test");
  REQUIRE(!carol);
  CHECK(carol.error().temporary());
  const int before = house.staff->questions;
  CHECK(!house.directories.find("carol@example.test"));
  CHECK_MESSAGE(house.staff->questions == before, "nor is it asked for each who comes");
  house.staff->away = house.club->away = false;
  house.clock.advance(kAwayKnown);
  CHECK(!house.ask("carol@example.test").value());
}

TEST_CASE("who brings mail for many addresses that a slow directory is asked for keeps nobody from logging in") {
  House house;
  std::size_t busy = 0;
  const auto ask = [&](std::size_t number) -> io::Task<> {
    const auto asked = co_await house.directories.ask("slow" + std::to_string(number) + "@example.test");
    if (!asked && asked.error().is(io::kBusy)) ++busy;
  };
  const auto log_in = [&]() -> io::Task<bool> {
    const auto check = co_await house.directories.check_password(
        "anna@example.test", sasl::Secret::copy("of anna@example.test"), "192.0.2.1");
    house.staff->slow.release(kDirectoryShare + kDirectoryWaiting);
    co_return check && check->kind == Kind::right;
  };
  house.club->slow.release(kDirectoryShare + kDirectoryWaiting + 1);
  for (std::size_t i = 0; i <= kDirectoryShare + kDirectoryWaiting; ++i) house.loop.spawn(ask(i));
  CHECK(finish(house.loop, log_in()));
  CHECK(busy >= 1);
}

TEST_CASE("with one directory away, whom another one knows is found; whom none knows cannot be told") {
  House house;
  house.staff->away = true;
  CHECK(house.ask("bob@example.test").value());
  CHECK(!house.ask("carol@example.test"));
  CHECK(house.check("bob@example.test", "of bob@example.test")->kind == Kind::right);
  CHECK_MESSAGE(!house.check("bob@example.test", "x"), "it may be right where it cannot be told");
  const auto carol = house.check("carol@example.test", "x");
  REQUIRE(!carol);
  CHECK(carol.error().is(sasl::kUnavailable));
}

TEST_CASE("a directory names no addresses but its domains'") {
  House house;
  house.staff->people["eve@example.test"] = {.address = "postmaster@other.test", .name = "", .quota = {}};
  house.staff->people["mallory@example.test"] = {.address = "no address", .name = "", .quota = {}};
  REQUIRE(house.services->directory().add_domain("other.test"));
  for (const char* address : {"eve@example.test", "mallory@example.test"}) {
    const auto found = house.ask(address);
    REQUIRE(!found);
    CHECK(found.error().temporary());
    CHECK(!house.check(address, std::string("of ") + address));
  }
  CHECK(!house.account("postmaster@other.test"));
}

TEST_CASE("a right password lets in whom the directory knows, with an account from then on") {
  House house;
  CHECK(house.check("anna@example.test", "x")->kind == Kind::wrong);
  CHECK_MESSAGE(!house.account("anna@example.test"), "who guesses makes no mailboxes");
  const auto in = house.check("ANNA@example.test", "of anna@example.test");
  REQUIRE((in && in->kind == Kind::right));
  CHECK(in->account.address == "anna@example.test");
  CHECK(house.check("ann@example.test", "of ann@example.test")->account.id == in->account.id);
  CHECK(house.check("carol@example.test", "x")->kind == Kind::nobody);
  CHECK(house.check("no address", "x")->kind == Kind::nobody);
  CHECK(house.check("anna", "of anna@example.test")->kind == Kind::right);
}

TEST_CASE("an account that was added keeps to its own password, and one that is switched off lets nobody in") {
  House house;
  house.add("anna@example.test");
  CHECK(house.check("anna@example.test", "of anna@example.test")->kind == Kind::nobody);
  CHECK(house.check("bob@example.test", "of bob@example.test")->kind == Kind::right);
  REQUIRE(house.services->directory().change_account(
      "bob@example.test", [](account::Account& bob) { bob.status = account::Status::disabled; }));
  CHECK(house.check("bob@example.test", "of bob@example.test")->kind == Kind::wrong);
  house.clock.advance(kPersonKnown);
  CHECK_MESSAGE(!house.ask("bob@example.test").value(), "nor does he get mail");
  CHECK(!finish(house.loop, house.directories.account("bob@example.test")).value());
}

TEST_CASE("SCRAM: the directory's keys, then the account; an outage is temporary") {
  House house;
  const auto keys = [&](const char* name) {
    return finish(house.loop, house.directories.scram_keys(name, sasl::Hash::sha256));
  };
  CHECK(keys("anna@example.test").value());
  CHECK(!keys("carol@example.test").value());
  const auto anna = finish(house.loop, house.directories.account("anna@example.test"));
  REQUIRE((anna && *anna));
  CHECK((*anna)->origin == Origin::elsewhere);
  house.staff->away = house.club->away = true;
  CHECK(keys("anna@example.test").error().is(sasl::kUnavailable));
  CHECK_MESSAGE(finish(house.loop, house.directories.account("anna@example.test")).value(), "cached accounts go on");
}

TEST_CASE("SCRAM: of names that nobody has some look like the directory's people, the others like accounts of ours") {
  House house;
  house.services->verifier().set_users(house.directories);
  const LoginTerms terms;
  CredentialDesk desk(*house.services, account::Use::imap, io::Endpoint(*io::IpAddress::parse("192.0.2.1"), 1), terms);
  const auto shown = [&](const std::string& name) -> std::uint32_t {
    const auto keys =
        finish(house.loop, desk.scram_keys({.authentication_id = name, .authorization_id = {}}, sasl::Hash::sha256))
            .value();
    if (!keys) return sasl::kScramIterations;
    CHECK(keys->authority == sasl::Authority::refused);
    CHECK(keys->keys.salt.size() == sasl::kSaltOctets);
    return keys->keys.iterations;
  };
  int alike = 0;
  for (int i = 0; i < 64; ++i) {
    const std::string name = "nobody" + std::to_string(i);
    const std::uint32_t first = shown(name + "@example.test");
    CHECK((first == 4096 || first == sasl::kScramIterations));
    CHECK(shown(name + "@example.test") == first);
    if (first == 4096) ++alike;
    CHECK(shown(name + "@example.org") == sasl::kScramIterations);
  }
  CHECK(alike > 8);
  CHECK(alike < 56);
}

TEST_CASE("name and quota follow the directory") {
  House house;
  REQUIRE(house.ask("anna@example.test"));
  house.staff->people["anna@example.test"] = {.address = "anna@example.test", .name = "Anna B", .quota = 7'000'000};
  house.clock.advance(kPersonKnown);
  REQUIRE(house.ask("anna@example.test"));
  const auto anna = house.account("anna@example.test");
  CHECK(anna->name == "Anna B");
  CHECK(anna->quota.octets == 7'000'000);
  const auto mail = finish(house.loop, house.services->mail().account(anna->id));
  CHECK((*mail)->quota().limits.octets == 7'000'000);
  // One that says nothing of it leaves the operator's.
  house.staff->people["anna@example.test"].quota.reset();
  house.clock.advance(kPersonKnown);
  REQUIRE(house.ask("anna@example.test"));
  CHECK(house.account("anna@example.test")->quota.octets == 7'000'000);
}

TEST_CASE("an alias here comes before the directory's people, and takes no password") {
  House house;
  house.add("real@example.test");
  REQUIRE(
      house.services->directory().add_alias("anna@example.test", account::Alias::Kind::alias, {"real@example.test"}));
  CHECK(!house.ask("anna@example.test").value());
  CHECK(house.check("anna@example.test", "of anna@example.test")->kind == Kind::wrong);
}

TEST_CASE("who is gone from the directory has no account to log in to, nor by a proof given elsewhere") {
  House house;
  REQUIRE(house.check("anna@example.test", "of anna@example.test"));
  const auto anna = [&] { return finish(house.loop, house.directories.account("anna@example.test")); };
  CHECK(anna().value());
  house.staff->people.erase("anna@example.test");
  CHECK_MESSAGE(anna().value(), "what was said is believed for a while");
  house.clock.advance(kPersonKnown);
  CHECK(!anna().value());
  account::Verifier& verifier = house.services->verifier();
  verifier.set_users(house.directories);
  CHECK(finish(house.loop, verifier.proven("anna@example.test")).error().is(sasl::kBadCredentials));
  house.staff->people["anna@example.test"] = {.address = "anna@example.test", .name = "", .quota = {}};
  house.clock.advance(kPersonKnown);
  CHECK(finish(house.loop, verifier.proven("anna@example.test")));
  house.clock.advance(kPersonKnown);
  house.staff->away = house.club->away = true;
  CHECK_MESSAGE(finish(house.loop, verifier.proven("anna@example.test")), "an outage is not nobody");
}

TEST_CASE("nobody takes over a mailbox by writing its address into the own entry") {
  House house;
  house.staff->people["anna@example.test"].entry = "cn=anna";
  house.staff->people["ann@example.test"].entry = "cn=anna";
  CHECK(house.check("ann@example.test", "of ann@example.test")->kind == Kind::right);
  house.staff->people["eve@example.test"] = {
      .address = "anna@example.test", .name = "", .quota = {}, .entry = "cn=eve"};
  // Nobody, and somebody under yet another name.
  house.staff->people["mallory@example.test"] = {.address = "carol@example.test", .name = "", .quota = {}};
  house.staff->people["oscar@example.test"] = {.address = "olga@example.test", .name = "", .quota = {}};
  house.staff->people["olga@example.test"] = {.address = "oscar@example.test", .name = "", .quota = {}};
  for (const std::string name : {"eve", "mallory", "oscar"}) {
    CAPTURE(name);
    const std::string address = name + "@example.test";
    const auto in = house.check(address, "of " + address);
    REQUIRE(!in);
    CHECK(in.error().temporary());
    CHECK(!house.ask(address));
  }
  CHECK(!house.account("carol@example.test"));
}

TEST_CASE("while one of a domain's directories is away, no password is wrong") {
  House house;
  house.club->people["anna@example.test"] = house.staff->people["anna@example.test"];
  CHECK(house.check("anna@example.test", "x")->kind == Kind::wrong);
  house.club->away = true;
  CHECK(!house.check("anna@example.test", "x"));
  CHECK(house.check("anna@example.test", "of anna@example.test")->kind == Kind::right);
  // Nor does the first one that says so keep the second from being asked.
  house.club->away = false;
  house.staff->people["bob@example.test"] = {.address = "zoe@example.test", .name = "", .quota = {}};
  CHECK(house.check("bob@example.test", "of bob@example.test")->kind == Kind::right);
}

TEST_CASE("several bodies in order: right before an outage, that before wrong, wrong before nobody") {
  House house;
  Directories other{*house.services, "mx.example.test", house.clock};
  const auto elsewhere = std::make_shared<Register>();
  elsewhere->people["anna@example.test"] = {.address = "anna@example.test", .name = "", .quota = {}};
  REQUIRE(other.use({{.name = "other", .domains = {"example.test"}, .source = elsewhere}}));
  UsersInOrder users({&house.directories, &other});
  const auto check = [&](const char* name, const char* password) {
    return finish(house.loop, users.check_password(name, sasl::Secret::copy(password), ""));
  };
  CHECK(check("bob@example.test", "of bob@example.test")->kind == Kind::right);
  CHECK(check("carol@example.test", "x")->kind == Kind::nobody);
  elsewhere->away = true;
  CHECK(check("anna@example.test", "of anna@example.test")->kind == Kind::right);
  CHECK_MESSAGE(!check("anna@example.test", "x"), "it may be right where it cannot be told");
  CHECK(!check("carol@example.test", "x"));
  elsewhere->away = false;
  CHECK(check("anna@example.test", "x")->kind == Kind::wrong);
  house.staff->away = house.club->away = true;
  CHECK(check("anna@example.test", "of anna@example.test")->kind == Kind::right);
  CHECK(!check("anna@example.test", "x"));
  CHECK(finish(house.loop, users.account("anna@example.test")).value());
  other.end();
}

TEST_CASE("SCRAM: keys are told only where the name opens the account that they are kept for") {
  House house;
  Directories other{*house.services, "mx.example.test", house.clock};
  const auto elsewhere = std::make_shared<Register>();
  REQUIRE(other.use({{.name = "other", .domains = {"example.test"}, .source = elsewhere}}));
  elsewhere->people["zoe@example.test"] = {.address = "zoe@example.test", .name = "", .quota = {}};
  // Another name of anna's for one body, somebody's own for the other one.
  elsewhere->people["ann@example.test"] = {.address = "ann@example.test", .name = "", .quota = {}};
  UsersInOrder users({&house.directories, &other});
  const auto keys = [&](const char* name) {
    return finish(house.loop, users.scram_keys(name, sasl::Hash::sha256)).value();
  };
  CHECK(keys("anna@example.test"));
  CHECK(keys("zoe@example.test"));
  CHECK(!keys("ann@example.test"));
  other.end();
}

namespace {

/// anna has a mailbox; "away" is nobody's to tell.
class Table final : public People {
 public:
  std::optional<account::Destination> anna;
  std::optional<account::Destination> ann;
  bool away = false;
  bool serves(std::string_view domain) override { return domain == "a.test"; }
  Result<std::optional<account::Destination>> find(const std::string& address) override {
    if (away) return fail(directory::kUnreachable, "away");
    if (address == "anna@a.test") return anna;
    if (address == "ann@a.test") return ann;
    return std::nullopt;
  }
  io::Task<Result<std::optional<account::Destination>>> ask(std::string address) override { co_return find(address); }
};

struct Place {
  Site site;
  std::shared_ptr<Table> table = std::make_shared<Table>();
  Place() {
    const auto added = site.world.services->directory().add_account(
        {.address = "anna@a.test", .name = "", .quota = {}, .credentials = {}, .origin = Origin::elsewhere},
        [&](const account::Account& account, store::Batch& batch) {
          site.world.services->mail().create_account(account.id, {}, batch);
        });
    REQUIRE(added);
    table->anna = account::Destination{.id = added->id, .address = added->address};
    auto local = std::make_shared<LocalTerms>();
    local->people = table;
    site.local(std::move(local));
  }
};

}  // namespace

TEST_CASE("RCPT: whom a directory knows is taken, with a detail, too; nobody is 550") {
  Place place;
  const auto replies =
      place.site.send("<x@far.test>", {"<anna@a.test>", "<Anna+news@A.test>", "<carol@a.test>", "<carol+x@a.test>"});
  REQUIRE(replies.size() == 5);
  CHECK(replies[0].starts_with("250"));
  CHECK(replies[1].starts_with("250"));
  CHECK(replies[2].starts_with("550 5.1.1"));
  CHECK(replies[3].starts_with("550 5.1.1"));
  CHECK(replies[4].starts_with("250"));
}

TEST_CASE("RCPT during an outage: who has an account goes on, an unknown address is 451, never 5xx") {
  Place place;
  place.table->away = true;
  const auto replies = place.site.send("<x@far.test>", {"<anna@a.test>", "<carol@a.test>", "<bob@a.test>"});
  REQUIRE(replies.size() == 4);
  CHECK(replies[0].starts_with("250"));
  CHECK(replies[1].starts_with("451 4.3.0"));
  CHECK(replies[3].starts_with("250"));
}

TEST_CASE("what is told of a way says whose mailbox it is, and what the directory had to do with it") {
  Place place;
  const auto told = [&](const std::string& name) {
    const auto sorted = sort_mail(*place.site.world.services, place.site.world.terms->local.get(),
                                  {.local_part = name, .domain = "a.test"});
    REQUIRE(sorted);
    std::string text;
    for (const route::Fact& fact : sorted->facts) text += std::string(fact.about) + ": " + fact.text + "|";
    return text;
  };
  CHECK(told("anna") == "mailbox: anna@a.test|");
  place.table->ann = place.table->anna;
  CHECK(told("ann") == "alias: ann@a.test is anna@a.test, as its directory says|mailbox: anna@a.test|");
  place.table->away = true;
  CHECK(told("anna") == "mailbox: anna@a.test, known from before: its directory does not answer now|");
}

TEST_CASE("RCPT: who is gone from the directory does not exist, though the mail is kept") {
  Place place;
  place.table->anna.reset();
  CHECK(place.site.send("<x@far.test>", {"<anna@a.test>"})[0].starts_with("550 5.1.1"));
}

TEST_CASE("RCPT: an alias here leads to somebody of a directory, and waits for it during an outage") {
  Place place;
  place.site.alias("team", {"carol@a.test", "anna@a.test"});
  place.site.alias("nobody", {"carol@a.test"});
  CHECK(place.site.send("<x@far.test>", {"<team@a.test>"})[0].starts_with("250"));
  CHECK(place.site.send("<x@far.test>", {"<nobody@a.test>"})[0].starts_with("550"));
  place.table->away = true;
  CHECK(place.site.send("<x@far.test>", {"<nobody@a.test>"})[0].starts_with("451 4.3.0"));
  CHECK(place.site.send("<x@far.test>", {"<team@a.test>"})[0].starts_with("451 4.3.0"));
}

TEST_CASE("RFC 5321 section 4.5.1: the postmaster is read, whatever the directory knows and whether it answers") {
  Place place;
  CHECK(place.site.send("<x@far.test>", {"<postmaster@a.test>"})[0].starts_with("250"));
  place.table->away = true;
  CHECK(place.site.send("<x@far.test>", {"<postmaster@a.test>"})[0].starts_with("250"));
}

TEST_CASE("a catch-all gets what no directory knows, and nothing of an outage") {
  Place place;
  REQUIRE(place.site.world.services->directory().set_catch_all("a.test", "alice@a.test"));
  CHECK(place.site.send("<x@far.test>", {"<carol@a.test>"})[0].starts_with("250"));
  place.table->away = true;
  CHECK(place.site.send("<x@far.test>", {"<dora@a.test>"})[0].starts_with("451 4.3.0"));
}

}  // namespace angarium::agent
