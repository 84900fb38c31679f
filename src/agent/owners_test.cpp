#include "agent/owners.h"

#include "account/support.h"
#include "io/gather.h"
#include "support/run.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::agent;

namespace {

struct House {
  io::SimulatedLoop loop;
  std::unique_ptr<store::Tablet> tablet = account::test::memory_tablet();
  account::Directory directory{*tablet};
  io::Pool pool{{.threads = 0}};
  Owners owners{directory, pool};

  House() { REQUIRE(directory.add_domain("example.test")); }
  account::AccountId add(const std::string& address) {
    return directory.add_account({.address = address, .name = "", .quota = {}, .credentials = {}}).value().id;
  }
  std::string address(account::AccountId id) { return test::sync_wait(loop, owners.address(id)).value(); }
};

}  // namespace

TEST_CASE("an id has its address, also of an account that was made since, and none when it never was one") {
  House house;
  const auto anna = house.add("anna@example.test");
  CHECK(house.address(anna) == "anna@example.test");
  const auto bert = house.add("bert@example.test");
  CHECK(house.address(bert) == "bert@example.test");
  CHECK(house.address(4711).empty());
  CHECK(house.address(anna) == "anna@example.test");
}

TEST_CASE("who asks while the directory is read finds an account that the reading came too early for") {
  // So many turns of the loop later than the one who reads; at some of them the reading is over and not yet told.
  for (int turns = 0; turns < 6; ++turns) {
    CAPTURE(turns);
    House house;
    const auto ask = [&house](std::string address, int later) -> io::Task<Result<std::string>> {
      for (int i = 0; i < later; ++i) co_await io::Loop::current().yield();
      co_return co_await house.owners.address(house.add(address));
    };
    const auto found = test::sync_wait(house.loop, [&]() -> io::Task<std::vector<Result<std::string>>> {
      std::vector<io::Task<Result<std::string>>> asked;
      asked.push_back(ask("anna@example.test", 0));
      asked.push_back(ask("bert@example.test", turns));
      co_return co_await io::gather(std::move(asked));
    }());
    CHECK(found[0].value() == "anna@example.test");
    CHECK(found[1].value() == "bert@example.test");
  }
}
