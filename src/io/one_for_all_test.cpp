#include "io/one_for_all.h"

#include "io/memory.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::io {
namespace {

using namespace std::chrono_literals;

/// Of the loops: those who wait are answered by tasks, not by threads.
constexpr std::uint64_t kSeed = 0;
const WallTime kStart = WallTime::from_seconds(1'700'000'000);

struct Work {
  int begun = 0;
  int answered = 0;
  Result<> outcome{};
};

/// Takes some turns of its loop.
Task<Result<>> work(Loop& loop, Work& count) {
  ++count.begun;
  for (int i = 0; i < 3; ++i) co_await loop.yield();
  co_return count.outcome;
}
/// Takes an hour.
Task<Result<>> long_work(Loop& loop, Work& count) {
  ++count.begun;
  co_await loop.sleep_for(1h);
  co_return count.outcome;
}

template <auto kWork>
Task<> ask(Loop& loop, OneForAll& all, Work& count, std::optional<Result<>>& answer) {
  answer = co_await all.run([&] { return kWork(loop, count); });
  ++count.answered;
}

TEST_CASE("of those who come while one is at work none does it, and all get its outcome") {
  for (const Result<>& outcome : {Result<>(), Result<>(fail(kBusy, "busy"))}) {
    SimulatedLoop loop(kSeed, kStart, Answers::by_tasks);
    OneForAll all;
    Work count{.outcome = outcome};
    std::vector<std::optional<Result<>>> answers(3);
    for (auto& answer : answers) loop.spawn(ask<work>(loop, all, count, answer));
    loop.settle();
    CHECK(count.begun == 1);
    REQUIRE(count.answered == 3);
    for (const auto& answer : answers) CHECK(answer->has_value() == outcome.has_value());
    // Who comes behind it begins anew.
    loop.spawn(ask<work>(loop, all, count, answers[0]));
    loop.settle();
    CHECK(count.begun == 2);
    CHECK(count.answered == 4);
  }
}

TEST_CASE("when the one at work is ended, one of those who wait does the work for the others") {
  OneForAll all;
  Work count;
  SimulatedLoop of_the_first(kSeed, kStart, Answers::by_tasks);
  SimulatedLoop of_the_others(kSeed, kStart, Answers::by_tasks);
  std::vector<std::optional<Result<>>> answers(3);
  of_the_first.spawn(ask<long_work>(of_the_first, all, count, answers[0]));
  of_the_first.advance(0s);
  // They come while the first one is at work, and are told by its end.
  for (const std::size_t i : {1, 2}) of_the_others.spawn(ask<work>(of_the_others, all, count, answers[i]));
  of_the_others.advance(0s);
  CHECK(count.begun == 1);
  of_the_first.destroy_tasks();
  of_the_others.settle();
  CHECK(count.begun == 2);
  CHECK(count.answered == 2);
  CHECK(!answers[0]);
  CHECK(answers[1]->has_value());
  CHECK(answers[2]->has_value());
}

}  // namespace
}  // namespace angarium::io
