#include "io/fair_pool.h"

#include <algorithm>
#include <atomic>
#include <latch>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "io/memory.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::io {
namespace {

/// Fills the only thread of the pool until it is let go, so that what follows waits in line. The thread may look at
/// it until the pool has ended: it is declared first.
class Plug {
 public:
  void fill(FairPool& pool) {
    REQUIRE(pool.submit("plug", [this] {
      begun_.count_down();
      go_.wait();
    }));
    begun_.wait();
  }
  void pull() { go_.count_down(); }

 private:
  std::latch begun_{1};
  std::latch go_{1};
};

}  // namespace

TEST_CASE("parties take turns, however much one of them asks for") {
  std::vector<std::string> course;
  std::latch all(5);
  Plug plug;
  FairPool pool({.threads = 1});
  plug.fill(pool);
  for (const char* const job : {"a1", "a2", "a3", "b1", "c1"})
    REQUIRE(pool.submit(std::string(1, *job), [&, job] {
      course.emplace_back(job);
      all.count_down();
    }));
  CHECK(pool.waiting() == 5);
  plug.pull();
  all.wait();
  CHECK(course == std::vector<std::string>{"a1", "b1", "c1", "a2", "a3"});
}

TEST_CASE("a party's jobs run on as many threads as its share; the others' go on beside them") {
  std::latch go(1);
  std::latch begun(2);
  std::latch served(3);
  std::atomic<int> third{0};
  FairPool pool({.threads = 3, .share = 2});
  for (int i = 0; i < 2; ++i)
    REQUIRE(pool.submit("slow", [&] {
      begun.count_down();
      go.wait();
    }));
  begun.wait();
  REQUIRE(pool.submit("slow", [&] { third = 1; }));
  for (const char* const other : {"x", "y", "x"}) REQUIRE(pool.submit(other, [&] { served.count_down(); }));
  served.wait();
  CHECK(third == 0);
  CHECK(pool.waiting() == 1);
  go.count_down();
  while (pool.waiting() > 0) std::this_thread::yield();
  pool.end();
}

TEST_CASE("what is too much for one party, or of all together, is refused; others find room") {
  Plug plug;
  FairPool pool({.threads = 1, .waiting = 2, .queue = 3});
  plug.fill(pool);
  const auto nothing = [] {};
  CHECK(pool.submit("a", nothing));
  CHECK(pool.submit("a", nothing));
  CHECK(pool.submit("a", nothing).error().is(kBusy));
  CHECK(pool.submit("b", nothing));
  CHECK(pool.submit("c", nothing).error().is(kBusy));
  plug.pull();
}

TEST_CASE("a drop cancels who waits and lets end what is under way") {
  auto loop = make_loop().value();
  std::latch begun(1);
  std::latch go(1);
  FairPool pool({.threads = 1});
  std::vector<std::string> said;
  const auto task = [&](std::string party, std::function<int()> work) -> Task<> {
    auto answer = co_await run(pool, party, std::move(work));
    said.push_back(party + (answer                          ? " " + std::to_string(*answer)
                            : answer.error().is(kCancelled) ? " cancelled"
                                                            : " failed"));
  };
  loop->spawn(task("first", [&] {
    begun.count_down();
    go.wait();
    return 7;
  }));
  loop->spawn(task("second", [] { return 8; }));
  std::thread ends([&] {
    begun.wait();
    while (pool.waiting() == 0) std::this_thread::yield();
    pool.drop();
    CHECK(pool.submit("third", [] {}).error().is(kBusy));
    go.count_down();
  });
  loop->drain();
  loop->run();
  ends.join();
  CHECK(said.size() == 2);
  CHECK(std::ranges::count(said, "first 7") == 1);
  CHECK(std::ranges::count(said, "second cancelled") == 1);
}

TEST_CASE("without threads work runs on the loop that asked") {
  SimulatedLoop loop(0, WallTime::from_seconds(1'700'000'000), Answers::by_tasks);
  FairPool pool({.threads = 0});
  std::vector<int> course;
  const auto task = [&](std::string party, int number) -> Task<> {
    auto answer = co_await run(pool, party, [number] { return number; });
    course.push_back(answer.value_or(0));
  };
  loop.spawn(task("a", 1));
  loop.spawn(task("a", 2));
  loop.spawn(task("b", 3));
  loop.settle();
  CHECK(course == std::vector{1, 3, 2});
}

}  // namespace angarium::io
