#include "agent/searching.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <barrier>

#include "io/gather.h"
#include "support/run.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::agent;

namespace {

/// What the system says of the thread that asks.
struct Standing {
  int policy = -1;
  int nice = 0;
  friend bool operator==(const Standing&, const Standing&) = default;
};
Result<Standing> standing() { return Standing{.policy = sched_getscheduler(0), .nice = getpriority(PRIO_PROCESS, 0)}; }

/// A search of so many turns.
io::Task<> search(Searching& searching, std::string party, int turns, std::vector<std::string>& course) {
  for (int i = 0; i < turns; ++i) {
    CHECK(co_await searching.run(party, [&course, party]() -> Result<bool> {
      course.push_back(party);
      return true;
    }));
  }
}

}  // namespace

TEST_CASE("twenty searches of one account let that of another have every other turn") {
  io::SimulatedLoop loop;
  Searching searching(0);
  std::vector<std::string> course;
  for (int i = 0; i < 20; ++i) loop.spawn(search(searching, "storm", 10, course));
  loop.spawn(search(searching, "calm", 5, course));
  loop.settle();
  REQUIRE(course.size() == 205);
  // One turn is under way when each of the five comes, and one goes before it.
  const auto last = std::find(course.rbegin(), course.rend(), "calm");
  CHECK(course.rend() - last < 20);
}

TEST_CASE("slices of one party run side by side") {
  io::SimulatedLoop loop;
  Searching searching(2);
  CHECK(searching.side_by_side() == 2);
  CHECK(Searching(4).side_by_side() == 4);
  CHECK(Searching(5).side_by_side() == 4);
  // Each waits until the other one has begun.
  std::barrier<> both(2);
  const auto slice = [&](int number) -> io::Task<Result<int>> {
    co_return co_await searching.run("a", [&both, number]() -> Result<int> {
      both.arrive_and_wait();
      return number;
    });
  };
  const auto found = test::sync_wait(loop, [&]() -> io::Task<std::vector<Result<int>>> {
    std::vector<io::Task<Result<int>>> slices;
    slices.push_back(slice(1));
    slices.push_back(slice(2));
    co_return co_await io::gather(std::move(slices));
  }());
  CHECK(*found[0] == 1);
  CHECK(*found[1] == 2);
}

TEST_CASE("threads that search stand behind all others, and nobody else does") {
  io::SimulatedLoop loop;
  const Standing before = *standing();
  Searching threads(1);
  for (int i = 0; i < 2; ++i) {
    const auto there = test::sync_wait(loop, threads.run("a", standing));
    REQUIRE(there);
    CHECK(there->policy == SCHED_BATCH);
    CHECK(there->nice == std::min(19, before.nice + 10));
  }
  Searching none(0);
  CHECK(*test::sync_wait(loop, none.run("a", standing)) == before);
  CHECK(*standing() == before);
}
