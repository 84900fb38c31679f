#include "io/pool.h"

#include <atomic>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include "io/memory.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::io {
namespace {

using namespace std::chrono_literals;

TEST_CASE("work runs on a thread of the pool and answers on the caller's loop") {
  auto loop = make_loop().value();
  Pool pool({.threads = 2});
  auto here = std::this_thread::get_id();
  auto there = test::sync_wait(*loop, run(pool, [] { return std::this_thread::get_id(); }));
  CHECK(there.value() != here);
  CHECK(test::sync_wait(*loop, run(pool, []() -> Result<int> { return fail(kRefused, "no"); })).error().is(kRefused));
  CHECK(test::sync_wait(*loop, run(pool, [] {})).has_value());
  CHECK(test::sync_wait(*loop, run(pool, []() -> int { throw std::bad_alloc(); })).error().is(kOutOfMemory));
}

TEST_CASE("what work holds is let go before its answer arrives") {
  auto loop = make_loop().value();
  Pool pool({.threads = 1});
  // Gives the loop time to go on if it has been answered already.
  struct Slow {
    const std::atomic<bool>* answered;
    std::atomic<bool>* late;
    ~Slow() {
      for (int i = 0; i < 5000 && !*answered; ++i) std::this_thread::yield();
      *late = answered->load();
    }
  };
  std::atomic<bool> late{false};
  {
    std::atomic<bool> answered{false};
    std::shared_ptr<Slow> held(new Slow{&answered, &late});
    auto count = test::sync_wait(*loop, run(pool, [held = std::move(held)] { return held.use_count(); }));
    answered = true;
    CHECK(count.value() == 1);
    pool.end();
  }
  CHECK(!late);
}

Task<> ask(Pool& pool, std::function<int()> work, int& done, int& failed, const ErrorKind& kind) {
  auto answer = co_await run(pool, std::move(work));
  if (answer) ++done;
  if (!answer && answer.error().is(kind)) ++failed;
}

Task<> open_later(Pool& pool, std::atomic<int>& gate) {
  co_await Loop::current().yield();
  CHECK(pool.waiting() == 2);
  gate = 1;
  gate.notify_all();
}

TEST_CASE("a full pool refuses at once and takes work again later") {
  SimulatedLoop loop;
  std::atomic<int> gate{0};
  std::atomic<int> begun{0};
  Pool pool({.threads = 1, .queue = 2});
  auto job = [&] {
    begun = 1;
    begun.notify_all();
    gate.wait(0);
    return 1;
  };
  REQUIRE(pool.submit(job));
  begun.wait(0);  // it has left the queue
  int done = 0;
  int busy = 0;
  for (int i = 0; i < 4; ++i) loop.spawn(ask(pool, job, done, busy, kBusy));
  loop.spawn(open_later(pool, gate));
  loop.run();
  CHECK(done == 2);
  CHECK(busy == 2);
  loop.spawn(ask(pool, job, done, busy, kBusy));
  loop.run();
  CHECK(done == 3);
}

TEST_CASE("a pool that ends drops its queue and cancels who waits for it") {
  SimulatedLoop loop;
  auto pool = std::make_unique<Pool>(PoolOptions{.threads = 0, .queue = 5});
  int done = 0;
  int cancelled = 0;
  for (int i = 0; i < 3; ++i) loop.spawn(ask(*pool, [] { return 1; }, done, cancelled, kCancelled));
  loop.post([&] { loop.post([&] { pool.reset(); }); });
  loop.run();
  CHECK(done == 0);
  CHECK(cancelled == 3);
}

Task<> wait_for(Pool& pool, std::latch& begun, std::latch& release, std::shared_ptr<int> held) {
  (void)co_await run(pool, [&begun, &release, held = std::move(held)] {
    begun.count_down();
    release.wait();
    return held;
  });
}

TEST_CASE("loops end before the pool that answers them: an answer that comes too late is dropped while they stand") {
  auto loops = Loops::make(1).value();
  Pool pool({.threads = 1});
  std::latch begun(1);
  std::latch release(1);
  auto held = std::make_shared<int>(7);
  const std::weak_ptr<int> watched = held;
  loops->at(0).spawn(wait_for(pool, begun, release, std::move(held)));
  loops->start();
  begun.wait();
  loops->end();
  CHECK(loops->at(0).tasks() == 0);
  release.count_down();
  pool.end();
  CHECK(pool.submit([] {}).error().is(kBusy));
  CHECK_FALSE(watched.expired());
  loops->end();
  CHECK(watched.expired());
}

TEST_CASE("without threads work runs on the loop that asked, in order, and never within the call; an end drops it") {
  SimulatedLoop loop(0, WallTime::from_seconds(1'700'000'000), Answers::by_tasks);
  Pool pool({.threads = 0});
  std::vector<int> course;
  const auto task = [&](int number) -> Task<> {
    auto answer = co_await run(pool, [&, number] {
      course.push_back(number);
      return std::this_thread::get_id();
    });
    course.push_back(answer && *answer == std::this_thread::get_id() ? 10 + number : -1);
  };
  loop.spawn(task(1));
  loop.spawn(task(2));
  CHECK(course.empty());
  loop.settle();
  CHECK(course == std::vector{1, 2, 11, 12});
  loop.post([&] {
    CHECK(pool.submit([&] { course.push_back(3); }));
    CHECK(course.size() == 4);
    pool.end();
  });
  loop.settle();
  CHECK(course.size() == 4);
}

TEST_CASE("time passes for a loop whose answers come from its own tasks, however late they are") {
  SimulatedLoop loop(1, WallTime::from_seconds(1'700'000'000), Answers::by_tasks);
  CrossThread<int> answer(loop);
  auto completion = std::make_shared<CrossThread<int>::Completion>(answer.completion());
  const Moment began = loop.now();
  Moment answered;
  loop.spawn([](CrossThread<int>& asked, SimulatedLoop& on, Moment& when) -> Task<> {
    CHECK((co_await asked).value() == 7);
    when = on.now();
  }(answer, loop, answered));
  loop.spawn([](SimulatedLoop& on, std::shared_ptr<CrossThread<int>::Completion> complete) -> Task<> {
    co_await on.sleep_for(3s);
    (*complete)(7);
  }(loop, std::move(completion)));
  loop.run();
  CHECK(answered - began == 3s);
}

}  // namespace
}  // namespace angarium::io
