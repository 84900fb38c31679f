#include "account/directory.h"

#include <fmt/format.h>

#include <atomic>
#include <thread>

#include "account/support.h"
#include "store/keys.h"

using namespace angarium;
using namespace angarium::account;

namespace {

struct House {
  std::unique_ptr<store::Tablet> tablet = account::test::memory_tablet();
  Directory directory{*tablet};
  House() { REQUIRE(directory.add_domain("example.test")); }
  Account add(std::string address) {
    auto added = directory.add_account({.address = std::move(address), .name = "", .quota = {}, .credentials = {}});
    REQUIRE_MESSAGE(added, added.error().text());
    return *added;
  }
  /// As it may be there from before loops were refused.
  void put(const Alias& alias) {
    const std::size_t at = alias.address.rfind('@');
    store::Batch batch;
    batch.put(store::KeyWriter()
                  .u8(kDirectoryKey)
                  .u8('a')
                  .text(alias.address.substr(at + 1))
                  .text(alias.address.substr(0, at))
                  .key(),
              encode(alias));
    REQUIRE(tablet->commit_and_wait(std::move(batch)));
    directory.forget();
  }
  Resolution resolve(std::string_view local, std::string_view domain = "example.test") {
    auto result = directory.resolve(local, domain);
    REQUIRE(result);
    return **result;
  }
  std::string accounts(std::string_view local) {
    std::string names;
    for (const Destination& account : resolve(local).accounts) names += (names.empty() ? "" : " ") + account.address;
    return names;
  }
};

}  // namespace

TEST_CASE("addresses have one canonical form") {
  CHECK(canonical_address("Alice@EXAMPLE.test").value() == "alice@example.test");
  CHECK(canonical_address("\"alice\"@example.test").value() == "alice@example.test");
  CHECK(canonical_address("x@B\xC3\xBC"
                          "cher.example")
            .value() == "x@xn--bcher-kva.example");
  for (std::string_view bad : {"", "alice", "@example.test", "alice@", "a b@example.test", "\"a b\"@example.test",
                               "\"\"@example.test", "alice@[192.0.2.1]", "alice@exa mple", "a@b@c"})
    CHECK_MESSAGE(!canonical_address(bad), bad);
  CHECK(canonical_address(std::string(64, 'x') + "@example.test"));
  CHECK(!canonical_address(std::string(65, 'x') + "@example.test"));
}

TEST_CASE("an account needs its domain, and an address is one thing only") {
  House house;
  auto lost = house.directory.add_account({.address = "a@other.test", .name = "", .quota = {}, .credentials = {}});
  REQUIRE(!lost);
  CHECK(lost.error().is(kUnknown));
  const Account alice = house.add("alice@example.test");
  const Account bob = house.add("bob@example.test");
  CHECK(alice.id != bob.id);
  auto again =
      house.directory.add_account({.address = "ALICE@example.test", .name = "", .quota = {}, .credentials = {}});
  REQUIRE(!again);
  CHECK(again.error().is(kExists));
  CHECK(house.directory.add_alias("alice@example.test", Alias::Kind::alias, {"bob@example.test"}).error().is(kExists));
  CHECK(house.directory.accounts("example.test")->size() == 2);
}

TEST_CASE("ids are never used again") {
  House house;
  const Account first = house.add("a@example.test");
  REQUIRE(account::test::remove(house.directory, *house.tablet, "a@example.test"));
  CHECK(house.add("a@example.test").id > first.id);
}

TEST_CASE("a removal is prepared of what is there, and refused when somebody changed it meanwhile") {
  House house;
  const Account a = house.add("a@example.test");
  house.add("b@example.test");
  REQUIRE(house.directory.add_alias("other@example.test", Alias::Kind::alias, {"b@example.test"}));
  store::Batch batch;
  CHECK(house.directory.prepare_removal("nobody@example.test", batch).error().is(kUnknown));
  CHECK(house.directory.prepare_removal("other@example.test", batch).error().is(kUnknown));
  const auto prepared = house.directory.prepare_removal("A@example.test", batch);
  REQUIRE(prepared);
  CHECK(prepared->id == a.id);
  // Nothing happens before the commit.
  CHECK(house.accounts("a") == "a@example.test");
  REQUIRE(house.directory.change_account("a@example.test", [](Account& account) { account.name = "A"; }));
  const auto late = house.tablet->commit_and_wait(std::move(batch));
  REQUIRE(!late);
  CHECK(late.error().is(store::kExpectation));
  CHECK(house.accounts("a") == "a@example.test");
  REQUIRE(account::test::remove(house.directory, *house.tablet, "a@example.test"));
  CHECK(house.resolve("a").kind == Resolution::Kind::unknown);
}

TEST_CASE("a domain with addresses stays") {
  House house;
  house.add("a@example.test");
  CHECK(house.directory.remove_domain("example.test").error().is(kInUse));
  REQUIRE(account::test::remove(house.directory, *house.tablet, "a@example.test"));
  CHECK(house.directory.remove_domain("example.test"));
  CHECK(house.directory.remove_domain("example.test").error().is(kUnknown));
  CHECK(house.resolve("a").kind == Resolution::Kind::not_local);
}

TEST_CASE("mail goes to the account, whatever the case") {
  House house;
  house.add("alice@example.test");
  CHECK(house.accounts("ALICE") == "alice@example.test");
  CHECK(house.resolve("alice", "EXAMPLE.TEST").kind == Resolution::Kind::accounts);
  CHECK(house.resolve("nobody").kind == Resolution::Kind::unknown);
  CHECK(house.resolve("alice", "elsewhere.test").kind == Resolution::Kind::not_local);
}

TEST_CASE("sub-addresses reach the account and keep their detail; an exact address wins") {
  House house;
  house.add("alice@example.test");
  house.add("alice+exact@example.test");
  CHECK(house.accounts("alice+list+x") == "alice@example.test");
  CHECK(house.resolve("alice+list+x").detail == "list+x");
  CHECK(house.accounts("alice+exact") == "alice+exact@example.test");
  CHECK(house.resolve("+alice").kind == Resolution::Kind::unknown);
}

TEST_CASE("aliases and groups expand once each, through each other, and loops end") {
  House house;
  house.add("a@example.test");
  house.add("b@example.test");
  REQUIRE(house.directory.add_alias("all@example.test", Alias::Kind::group,
                                    {"a@example.test", "b@example.test", "a@example.test", "loop@example.test"}));
  house.put({"loop@example.test", Alias::Kind::alias, {"all@example.test"}, {}});
  CHECK(house.accounts("all") == "a@example.test b@example.test");
  CHECK(house.accounts("loop") == "a@example.test b@example.test");
  CHECK(house.directory.expand("all@example.test")->addresses.size() == 3);
  CHECK(house.directory.expand("a@example.test")->addresses == std::vector<std::string>{"a@example.test"});
  CHECK(house.directory.expand("x@example.test").error().is(kUnknown));
}

TEST_CASE(
    "RFC 3463 5.4.6: aliases that only meet each other are a loop; a target that the directory does not know is for "
    "others to find") {
  House house;
  REQUIRE(house.directory.add_alias("x@example.test", Alias::Kind::alias, {"gone@example.test"}));
  REQUIRE(house.directory.add_alias("y@example.test", Alias::Kind::alias, {"z@example.test"}));
  house.put({"z@example.test", Alias::Kind::alias, {"y@example.test"}, {}});
  CHECK(house.directory.add_alias("self@example.test", Alias::Kind::alias, {"SELF@example.test"}).error().is(kInvalid));
  CHECK(house.resolve("x").accounts.empty());
  REQUIRE(house.resolve("x").onward.size() == 1);
  CHECK(house.resolve("x").onward[0].address == "gone@example.test");
  CHECK(house.resolve("y").kind == Resolution::Kind::too_deep);
  CHECK(house.resolve("y+detail").kind == Resolution::Kind::too_deep);
  // A member who is switched off is no loop, also where a loop stands beside it.
  house.add("off@example.test");
  REQUIRE(
      house.directory.change_account("off@example.test", [](Account& account) { account.status = Status::disabled; }));
  house.put({"both@example.test", Alias::Kind::group, {"off@example.test", "y@example.test"}, {}});
  CHECK(house.resolve("both").kind == Resolution::Kind::disabled);
}

TEST_CASE("an alias that would lead back to itself is refused, and the loop is named") {
  House house;
  house.add("a@example.test");
  const auto add = [&house](std::string_view name, const std::vector<std::string>& targets) {
    auto added = house.directory.add_alias(name, Alias::Kind::alias, targets);
    if (added) return std::string("added");
    CHECK(added.error().is(kInvalid));
    return added.error().text();
  };
  CHECK(add("x@example.test", {"y@example.test"}) == "added");
  CHECK(add("Y@example.test", {"a@example.test", "X@example.test"}) ==
        "that would close a loop: y@example.test -> x@example.test -> y@example.test");
  CHECK(!*house.directory.alias("y@example.test"));
  // Through a sub-address, and from one; an exact address of that name is no way back.
  CHECK(add("y@example.test", {"X+news@example.test"}) ==
        "that would close a loop: y@example.test -> x+news@example.test -> x@example.test -> y@example.test");
  CHECK(add("z@example.test", {"z+box@example.test"}) ==
        "that would close a loop: z@example.test -> z+box@example.test -> z@example.test");
  house.add("z+box@example.test");
  CHECK(add("z@example.test", {"z+box@example.test"}) == "added");
  // Two ways to one address are no loop.
  CHECK(add("one@example.test", {"a@example.test"}) == "added");
  CHECK(add("two@example.test", {"a@example.test", "one@example.test"}) == "added");
  CHECK(add("y@example.test", {"one@example.test", "two@example.test", "y@elsewhere.test"}) == "added");
  // Loops of others that are there already do not hold it up.
  house.put({"l@example.test", Alias::Kind::alias, {"m@example.test"}, {}});
  house.put({"m@example.test", Alias::Kind::alias, {"l@example.test"}, {}});
  CHECK(add("n@example.test", {"l@example.test"}) == "added");
  // A long one is named in part.
  for (int i = 1; i <= 12; ++i)
    REQUIRE(add(fmt::format("s{}@example.test", i), {fmt::format("s{}@example.test", i + 1)}) == "added");
  const std::string told = add("s13@example.test", {"s1@example.test"});
  CHECK(told.starts_with("that would close a loop: s13@example.test -> (more) -> s3@example.test -> "));
  CHECK(told.ends_with(" -> s12@example.test -> s13@example.test"));
}

TEST_CASE("of two aliases added at once that close a loop together one is refused") {
  for (int round = 0; round < 50; ++round) {
    House house;
    std::atomic<int> added = 0;
    std::atomic<int> ready = 0;
    const auto add = [&](const char* name, const char* target) {
      ++ready;
      while (ready.load() < 2) std::this_thread::yield();
      if (house.directory.add_alias(name, Alias::Kind::alias, {target})) ++added;
    };
    std::thread other(add, "x@example.test", "y@example.test");
    add("y@example.test", "x@example.test");
    other.join();
    CHECK(added.load() == 1);
  }
}

TEST_CASE("alias depth: ten are followed, eleven are too deep") {
  House house;
  house.add("a@example.test");
  std::string target = "a@example.test";
  for (int i = 1; i <= 11; ++i) {
    const std::string name = "l" + std::to_string(i) + "@example.test";
    REQUIRE(house.directory.add_alias(name, Alias::Kind::alias, {target}));
    target = name;
  }
  CHECK(house.accounts("l10") == "a@example.test");
  CHECK(house.resolve("l11").kind == Resolution::Kind::too_deep);
}

TEST_CASE("alias targets: a thousand, not one more") {
  House house;
  std::vector<std::string> targets;
  for (int i = 0; i < 1000; ++i) targets.push_back("t" + std::to_string(i) + "@example.test");
  CHECK(house.directory.add_alias("many@example.test", Alias::Kind::group, targets));
  targets.emplace_back("t1000@example.test");
  CHECK(house.directory.add_alias("more@example.test", Alias::Kind::group, targets).error().is(kInvalid));
  CHECK(house.directory.add_alias("none@example.test", Alias::Kind::group, {}).error().is(kInvalid));
}

TEST_CASE("an alias may point anywhere; a local part of another host stays as it is written") {
  House house;
  house.add("a@example.test");
  REQUIRE(house.directory.add_alias("far@example.test", Alias::Kind::alias,
                                    {"Some.One@Elsewhere.TEST", "\"b c\"@elsewhere.test", "x@[192.0.2.1]",
                                     "root@localhost", "A@Example.Test", "Some.One@elsewhere.test"}));
  const auto resolution = house.resolve("far");
  CHECK(resolution.kind == Resolution::Kind::accounts);
  CHECK(!resolution.by_default);
  REQUIRE(resolution.accounts.size() == 1);
  CHECK(resolution.accounts[0].address == "a@example.test");
  REQUIRE(resolution.onward.size() == 4);
  CHECK(resolution.onward[0].address == "Some.One@elsewhere.test");
  CHECK(resolution.onward[1].address == "\"b c\"@elsewhere.test");
  CHECK(resolution.onward[2].address == "x@[192.0.2.1]");
  CHECK(resolution.onward[3].address == "root@localhost");
  for (const char* wrong : {"", "x", "@elsewhere.test", "x@else where.test"})
    CHECK(house.directory.add_alias("wrong@example.test", Alias::Kind::alias, {wrong}).error().is(kInvalid));
  CHECK(
      !house.directory.add_alias("long@example.test", Alias::Kind::alias, {std::string(310, 'x') + "@elsewhere.test"}));
}

TEST_CASE("a target is of this host while its domain is served, and elsewhere before and after") {
  House house;
  REQUIRE(house.directory.add_alias("x@example.test", Alias::Kind::alias, {"You@other.test"}));
  CHECK(house.resolve("x").onward.size() == 1);
  REQUIRE(house.directory.add_domain("other.test"));
  CHECK(house.resolve("x").accounts.empty());
  house.add("you@other.test");
  CHECK(house.resolve("x").onward.empty());
  CHECK(house.accounts("x") == "you@other.test");
}

TEST_CASE("where an alias has an owner beside it, reports about its copies go to the owner; the innermost counts") {
  House house;
  house.add("a@example.test");
  house.add("b@example.test");
  REQUIRE(house.directory.add_alias("inner@example.test", Alias::Kind::group, {"b@example.test", "y@far.test"}));
  REQUIRE(house.directory.add_alias("outer@example.test", Alias::Kind::group,
                                    {"inner@example.test", "a@example.test", "x@far.test"}));
  CHECK(house.resolve("outer").onward[0].owner.empty());
  REQUIRE(house.directory.add_alias("owner-outer@example.test", Alias::Kind::alias, {"a@example.test"}));
  REQUIRE(house.directory.add_alias("owner-inner@example.test", Alias::Kind::alias, {"b@example.test"}));
  const auto resolution = house.resolve("outer");
  REQUIRE(resolution.accounts.size() == 2);
  CHECK(resolution.accounts[0].owner == "owner-inner@example.test");
  CHECK(resolution.accounts[1].owner == "owner-outer@example.test");
  REQUIRE(resolution.onward.size() == 2);
  CHECK(resolution.onward[0].owner == "owner-inner@example.test");
  CHECK(resolution.onward[1].owner == "owner-outer@example.test");
  // Reports to an owner have no other owner.
  REQUIRE(house.directory.add_alias("owner-owner-inner@example.test", Alias::Kind::alias, {"a@example.test"}));
  CHECK(house.resolve("owner-inner").accounts[0].owner.empty());
}

TEST_CASE("RFC 5321 section 4.5.1: the postmaster of a domain with an account always gets mail") {
  House house;
  CHECK(house.resolve("postmaster").kind == Resolution::Kind::unknown);
  house.add("zoe@example.test");
  house.add("amy@example.test");
  CHECK(house.accounts("PostMaster") == "zoe@example.test");
  REQUIRE(account::test::remove(house.directory, *house.tablet, "zoe@example.test"));
  CHECK(house.accounts("postmaster") == "amy@example.test");
  REQUIRE(house.directory.add_alias("postmaster@example.test", Alias::Kind::alias, {"amy@example.test"}));
  CHECK(house.accounts("postmaster") == "amy@example.test");
}

TEST_CASE("RFC 2142: abuse and MAILER-DAEMON are read by the postmaster, unless they are somebody's") {
  House house;
  house.add("zoe@example.test");
  house.add("amy@example.test");
  CHECK(house.accounts("Abuse") == "zoe@example.test");
  CHECK(house.accounts("MAILER-DAEMON") == "zoe@example.test");
  CHECK(house.resolve("abuse").by_default);
  CHECK(house.resolve("root").kind == Resolution::Kind::unknown);
  REQUIRE(house.directory.add_alias("postmaster@example.test", Alias::Kind::alias, {"amy@example.test"}));
  CHECK(house.accounts("abuse") == "amy@example.test");
  REQUIRE(house.directory.add_alias("abuse@example.test", Alias::Kind::alias, {"x@elsewhere.test"}));
  CHECK(house.accounts("abuse").empty());
  CHECK(!house.resolve("abuse").by_default);
}

TEST_CASE("the catch-all gets what nobody else does") {
  House house;
  house.add("a@example.test");
  house.add("rest@example.test");
  CHECK(house.directory.set_catch_all("example.test", "absent@example.test").error().is(kUnknown));
  REQUIRE(house.directory.set_catch_all("example.test", "rest@example.test"));
  CHECK(house.accounts("a") == "a@example.test");
  CHECK(house.accounts("whatever") == "rest@example.test");
  REQUIRE(house.directory.set_catch_all("example.test", ""));
  CHECK(house.resolve("whatever").kind == Resolution::Kind::unknown);
}

TEST_CASE("a disabled account takes no mail, and a group goes on without it") {
  House house;
  house.add("a@example.test");
  house.add("b@example.test");
  REQUIRE(house.directory.add_alias("both@example.test", Alias::Kind::group, {"a@example.test", "b@example.test"}));
  REQUIRE(
      house.directory.change_account("a@example.test", [](Account& account) { account.status = Status::disabled; }));
  CHECK(house.resolve("a").kind == Resolution::Kind::disabled);
  CHECK(house.accounts("both") == "b@example.test");
}

TEST_CASE("a sender may use its own addresses and the aliases that reach it, no others") {
  House house;
  const Account a = house.add("a@example.test");
  house.add("b@example.test");
  REQUIRE(house.directory.add_alias("sales@example.test", Alias::Kind::alias, {"a@example.test"}));
  CHECK(house.directory.may_send_as(a, "A", "EXAMPLE.test").value());
  CHECK(house.directory.may_send_as(a, "a+x", "example.test").value());
  CHECK(house.directory.may_send_as(a, "sales", "example.test").value());
  CHECK(!house.directory.may_send_as(a, "b", "example.test").value());
  CHECK(!house.directory.may_send_as(a, "nobody", "example.test").value());
  CHECK(!house.directory.may_send_as(a, "a", "elsewhere.test").value());
}

TEST_CASE("changes survive their encoding") {
  House house;
  house.add("a@example.test");
  auto changed = house.directory.change_account("a@example.test", [](Account& account) {
    account.name = "\xC3\x84nne";
    account.quota = {.octets = 1ULL << 40, .messages = 7};
    account.credentials = {.argon2id = "$argon2id$x",
                           .scram = {{.hash = sasl::Hash::sha256,
                                      .iterations = 4096,
                                      .salt = std::string("\0s", 2),
                                      .stored_key = "k",
                                      .server_key = "v"}},
                           .version = 9};
    for (const sasl::Hash hash : {sasl::Hash::sha1, sasl::Hash::sha512})
      account.credentials.scram.push_back({.hash = hash, .iterations = 4096, .salt = "s"});
  });
  REQUIRE(changed);
  auto read = house.directory.account("a@example.test");
  REQUIRE((read && *read));
  CHECK((*read)->name == "\xC3\x84nne");
  CHECK((*read)->quota == Quota{.octets = 1ULL << 40, .messages = 7});
  CHECK((*read)->credentials.version == 9);
  REQUIRE((*read)->credentials.scram.size() == 3);
  CHECK((*read)->credentials.scram[0].hash == sasl::Hash::sha256);
  CHECK((*read)->credentials.scram[1].hash == sasl::Hash::sha1);
  CHECK((*read)->credentials.scram[2].hash == sasl::Hash::sha512);
  CHECK((*read)->credentials.scram[0].salt == std::string_view("\0s", 2));
  CHECK(house.directory.change_account("x@example.test", [](Account&) {}).error().is(kUnknown));
  CHECK(house.directory.change_account("a@example.test", [](Account& account) { account.name = std::string(257, 'x'); })
            .error()
            .is(kInvalid));
}

TEST_CASE("a record cut at any octet does not decode") {
  Account account{.id = 3,
                  .address = "a@example.test",
                  .name = "n",
                  .quota = {},
                  .credentials = {.argon2id = "h", .scram = {{}}, .version = 1},
                  .created = {}};
  const std::string whole = encode(account);
  REQUIRE(decode_entry(whole));
  for (std::size_t cut = 0; cut < whole.size(); ++cut) CHECK(!decode_entry(std::string_view(whole).substr(0, cut)));
  const std::string alias =
      encode(Alias{.address = "a", .kind = Alias::Kind::group, .targets = {"b", "c"}, .created = {}});
  REQUIRE(decode_entry(alias));
  for (std::size_t cut = 0; cut < alias.size(); ++cut) CHECK(!decode_entry(std::string_view(alias).substr(0, cut)));
  const std::string domain = encode(Domain{.name = "d", .catch_all = "c", .postmaster = "p", .created = {}});
  REQUIRE(decode_domain(domain));
  for (std::size_t cut = 0; cut < domain.size(); ++cut) CHECK(!decode_domain(std::string_view(domain).substr(0, cut)));
}

TEST_CASE(
    "the account of a user of the host: kept as such, never the postmaster by being first, and others may know "
    "better") {
  using namespace angarium;
  using namespace angarium::account;
  const auto tablet = account::test::memory_tablet();
  Directory directory(*tablet);
  REQUIRE(directory.add_domain("example.test"));
  REQUIRE(directory.add_account(
      {.address = "anna@example.test", .name = "", .quota = {}, .credentials = {}, .origin = Origin::host}));
  REQUIRE(directory.add_account({.address = "bob@example.test", .name = "", .quota = {}, .credentials = {}}));
  CHECK((*directory.account("anna@example.test"))->origin == Origin::host);
  CHECK((*directory.account("anna@example.test"))->status == Status::enabled);
  CHECK((*directory.account("bob@example.test"))->origin == Origin::added);
  CHECK((*directory.domain("example.test"))->postmaster == "bob@example.test");
  for (const auto* const name : {"anna", "Anna", "anna+x"}) {
    const auto found = directory.resolve(name, "example.test");
    REQUIRE(found);
    CHECK((*found)->kind == Resolution::Kind::accounts);
    CHECK((*found)->by_default);
  }
  CHECK(!(*directory.resolve("bob", "example.test"))->by_default);
  REQUIRE(directory.change_account("anna@example.test", [](Account& account) { account.status = Status::disabled; }));
  CHECK((*directory.account("anna@example.test"))->status == Status::disabled);
  CHECK((*directory.account("anna@example.test"))->origin == Origin::host);
}
