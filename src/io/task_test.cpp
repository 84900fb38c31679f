#include "io/task.h"

#include <memory>

#include "io/memory.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::io {
namespace {

using namespace std::chrono_literals;

Task<int> give(int value) { co_return value; }
Task<int> sum(int depth) {
  int total = 0;
  for (int i = 0; i < depth; ++i) total += co_await give(1);
  co_return total;
}
Task<int> nested(int depth) {
  if (depth == 0) co_return 0;
  co_return 1 + co_await nested(depth - 1);
}

TEST_CASE("a task begins when it is awaited and gives its value") {
  SimulatedLoop loop;
  bool began = false;
  auto make = [](bool& flag) -> Task<std::unique_ptr<int>> {
    flag = true;
    co_return std::make_unique<int>(7);
  };
  auto task = make(began);
  CHECK_FALSE(began);
  CHECK(*test::sync_wait(loop, std::move(task)) == 7);
  CHECK(began);
}

TEST_CASE("a long row of tasks and a deep chain use no stack") {
  SimulatedLoop loop;
  CHECK(test::sync_wait(loop, sum(1'000'000)) == 1'000'000);
  CHECK(test::sync_wait(loop, nested(100'000)) == 100'000);
}

Task<> exhaust() {
  throw std::bad_alloc();
  co_return;
}
Task<> exhaust_below(bool& after) {
  co_await exhaust();
  after = true;
}
Task<> set(bool& flag) {
  flag = true;
  co_return;
}

TEST_CASE("running out of memory ends one spawned task and no other") {
  SimulatedLoop loop;
  bool after = false;
  bool other = false;
  loop.spawn(exhaust_below(after));
  loop.spawn(set(other));
  loop.run();
  CHECK_FALSE(after);
  CHECK(other);
  CHECK(loop.tasks() == 0);
}

Task<> hold(std::shared_ptr<int> held, Loop& loop) {
  co_await loop.sleep_for(1h);
  *held = 1;
}
Task<> hold_below(std::shared_ptr<int> held, Loop& loop) { co_await hold(held, loop); }

TEST_CASE("a loop that ends destroys what is suspended, through all frames") {
  auto held = std::make_shared<int>(0);
  {
    SimulatedLoop loop;
    loop.spawn(hold_below(held, loop));
    loop.spawn(hold_below(held, loop));
    loop.settle();
    CHECK(loop.tasks() == 2);
    CHECK(held.use_count() == 5);
  }
  CHECK(held.use_count() == 1);
  CHECK(*held == 0);
}

TEST_CASE("a task that never began is destroyed with what it was given") {
  auto held = std::make_shared<int>(0);
  SimulatedLoop loop;
  {
    auto task = hold(held, loop);
  }
  CHECK(held.use_count() == 1);
  {
    auto task = hold(held, loop);
    task = hold(held, loop);
    CHECK(held.use_count() == 2);
  }
}

ValueOrTask<int> quick(bool wait) {
  if (!wait) return 1;
  return give(2);
}
Task<int> both() { co_return co_await quick(false) * 10 + co_await quick(true); }

TEST_CASE("a value or a task is awaited alike") {
  SimulatedLoop loop;
  CHECK(test::sync_wait(loop, both()) == 12);
}

}  // namespace
}  // namespace angarium::io
