#include "io/gather.h"

#include "io/memory.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::io {
namespace {

using namespace std::chrono_literals;

Task<int> after(Loop& loop, Duration delay, int value) {
  if (delay > 0s) co_await loop.sleep_for(delay);
  co_return value;
}

Task<std::vector<int>> all(Loop& loop, std::vector<std::pair<Duration, int>> wanted) {
  std::vector<Task<int>> tasks;
  for (const auto& [delay, value] : wanted) tasks.push_back(after(loop, delay, value));
  co_return co_await gather(std::move(tasks));
}

TEST_CASE("gather takes the time of the longest task and keeps the order of the tasks") {
  SimulatedLoop loop;
  const auto begin = loop.clock().now();
  CHECK(test::sync_wait(loop, all(loop, {{3s, 1}, {0s, 2}, {5s, 3}, {1s, 4}})) == std::vector{1, 2, 3, 4});
  CHECK(loop.clock().now() - begin == 5s);
}

TEST_CASE("gather of nothing, and of what never waits, goes on") {
  SimulatedLoop loop;
  CHECK(test::sync_wait(loop, all(loop, {})).empty());
  CHECK(test::sync_wait(loop, all(loop, {{0s, 7}, {0s, 8}})) == std::vector{7, 8});
}

struct Guard {
  explicit Guard(int& count) : ended(count) {}
  ~Guard() { ++ended; }
  int& ended;
};
Task<int> guarded(Loop& loop, int& ended) {
  const Guard guard(ended);
  co_await loop.sleep_for(1h);
  co_return 0;
}
Task<> gather_guarded(Loop& loop, int& ended) {
  std::vector<Task<int>> tasks;
  for (int i = 0; i < 3; ++i) tasks.push_back(guarded(loop, ended));
  co_await gather(std::move(tasks));
}

TEST_CASE("destroying the gatherer ends its tasks wherever they wait") {
  int ended = 0;
  SimulatedLoop loop;
  loop.spawn(gather_guarded(loop, ended));
  loop.advance(1s);
  CHECK(ended == 0);
  loop.destroy_tasks();
  CHECK(ended == 3);
}

Task<int> out_of_memory() {
  throw std::bad_alloc();
  co_return 0;
}
Task<> gather_failing(Loop& loop, int& seen) {
  std::vector<Task<int>> tasks;
  tasks.push_back(after(loop, 1s, 1));
  tasks.push_back(out_of_memory());
  try {
    co_await gather(std::move(tasks));
  } catch (const std::bad_alloc&) {
    seen = 1;
  }
}

TEST_CASE("a task that runs out of memory is told to the gatherer once all have ended") {
  SimulatedLoop loop;
  int seen = 0;
  loop.spawn(gather_failing(loop, seen));
  loop.settle();
  CHECK(seen == 0);
  loop.run();
  CHECK(seen == 1);
}

}  // namespace
}  // namespace angarium::io
