#include "agent/budget.h"

#include "support/test.h"

using namespace angarium::agent;

TEST_CASE("the budget is given out to its last octet and not beyond") {
  Budget budget(100);
  auto all = budget.take("", 100);
  CHECK(all);
  CHECK(budget.spent());
  CHECK(!budget.take("", 1));
  all = Budget::Hold();
}

TEST_CASE("what is held comes back once") {
  Budget budget(100);
  {
    auto hold = budget.take("", 60);
    auto moved = std::move(hold);
    CHECK(moved);
    CHECK(budget.held() == 60);
  }
  CHECK(budget.held() == 0);
}

TEST_CASE("one owner gets a tenth, others are not touched by it") {
  Budget budget(100);
  auto mine = budget.take("a", 10);
  CHECK(mine);
  CHECK(!budget.take("a", 1));
  CHECK(budget.held() == 10);
  CHECK(budget.take("b", 10));
  CHECK(budget.take("", 90));
}

TEST_CASE("a new budget counts at once, and what is held is given back in full") {
  Budget budget(1000);
  {
    auto hold = budget.take("", 600);
    REQUIRE(hold);
    budget.set_octets(500);
    CHECK(budget.spent());
    CHECK(!budget.take("", 1));
    budget.set_octets(700);
    CHECK(!budget.take("", 101));
    CHECK(budget.take("", 100));
  }
  CHECK(budget.held() == 0);
}
