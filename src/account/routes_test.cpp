#include "account/routes.h"

#include "account/directory.h"
#include "account/support.h"

using namespace angarium;
using namespace angarium::account;

namespace {

std::shared_ptr<const Resolution> to(AccountId id) {
  return std::make_shared<const Resolution>(
      Resolution{.kind = Resolution::Kind::accounts, .accounts = {{id, "a@example.test"}}, .detail = {}});
}

}  // namespace

TEST_CASE("what was read before a change is not kept after it") {
  Routes routes;
  const auto before = routes.find("a@example.test");
  CHECK(!before.resolution);
  routes.forget();
  routes.keep("a@example.test", to(1), before.generation);
  const auto after = routes.find("a@example.test");
  CHECK(!after.resolution);
  routes.keep("a@example.test", to(2), after.generation);
  CHECK(routes.find("a@example.test").resolution->accounts.front().id == 2);
  routes.forget();
  CHECK(!routes.find("a@example.test").resolution);
}

TEST_CASE("refusals are not kept, nor what reaches very many") {
  Routes routes;
  Resolution unknown;
  routes.keep("x@example.test", std::make_shared<const Resolution>(unknown), 0);
  CHECK(!routes.find("x@example.test").resolution);
  Resolution many = *to(1);
  many.accounts.resize(Routes::kDestinationsMax);
  routes.keep("at@example.test", std::make_shared<const Resolution>(many), 0);
  CHECK(routes.find("at@example.test").resolution);
  many.accounts.resize(Routes::kDestinationsMax + 1);
  routes.keep("past@example.test", std::make_shared<const Resolution>(many), 0);
  CHECK(!routes.find("past@example.test").resolution);
}

TEST_CASE("strangers who make up addresses fill no memory") {
  Routes routes;
  const auto resolution = to(1);
  for (std::size_t i = 0; i < Routes::kRoutesMax; ++i) routes.keep("a+" + std::to_string(i), resolution, 0);
  CHECK(routes.find("a+0").resolution);
  routes.keep("a+one more", resolution, 0);
  CHECK(!routes.find("a+0").resolution);
  CHECK(routes.find("a+one more").resolution);
}

TEST_CASE("every change of the directory is seen by the next resolution") {
  auto tablet = account::test::memory_tablet();
  Directory directory(*tablet);
  REQUIRE(directory.add_domain("example.test"));
  const auto add = [&](std::string address) {
    REQUIRE(directory.add_account({.address = std::move(address), .name = "", .quota = {}, .credentials = {}}));
  };
  const auto kind = [&](std::string_view local) { return (*directory.resolve(local, "example.test"))->kind; };
  using Kind = Resolution::Kind;
  add("alice@example.test");
  add("bob@example.test");
  CHECK(kind("alice") == Kind::accounts);
  CHECK(*directory.resolve("alice", "example.test") == *directory.resolve("alice", "example.test"));
  REQUIRE(directory.change_account("alice@example.test", [](Account& a) { a.status = Status::disabled; }));
  CHECK(kind("alice") == Kind::disabled);
  REQUIRE(directory.add_alias("team@example.test", Alias::Kind::alias, {"bob@example.test"}));
  CHECK(kind("team") == Kind::accounts);
  REQUIRE(directory.remove_alias("team@example.test"));
  CHECK(kind("team") == Kind::unknown);
  REQUIRE(directory.set_catch_all("example.test", "bob@example.test"));
  CHECK(kind("team") == Kind::accounts);
  REQUIRE(directory.set_catch_all("example.test", ""));
  CHECK(kind("team") == Kind::unknown);
  CHECK(kind("bob") == Kind::accounts);
  REQUIRE(account::test::remove(directory, *tablet, "bob@example.test"));
  CHECK(kind("bob") == Kind::unknown);
}
