#include "io/timer.h"

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/random.h"
#include "support/test.h"

namespace angarium::io {
namespace {

class Noting final : public Timer {
 public:
  Noting(std::vector<int>& fired, int name) : fired_(fired), name_(name) {}
  TimerWheel* again = nullptr;

 private:
  void fire() override {
    fired_.push_back(name_);
    if (again) again->set(*this, Moment{0});
  }
  std::vector<int>& fired_;
  int name_;
};

TEST_CASE("a timer never fires early and at most a tick late") {
  for (std::int64_t start : {0, 63'000, 64'000, 4'095'999, 123'456'789}) {
    for (std::int64_t delay : {1, 999, 1000, 1001, 63'000, 64'000, 65'000, 4'096'000, 300'000'000}) {
      std::vector<int> fired;
      TimerWheel wheel(Moment{start});
      Noting timer(fired, 1);
      wheel.set(timer, Moment{start + delay});
      wheel.advance(Moment{start + delay - 1});
      CHECK(fired.empty());
      CHECK(wheel.next() <= Moment{start + delay + 999});
      wheel.advance(Moment{start + delay + 1000});
      CHECK(fired.size() == 1);
      CHECK(wheel.next() == Moment::never());
    }
  }
}

TEST_CASE("timers fire as a sorted list of them would") {
  SeededRandom random(7);
  std::vector<int> fired;
  TimerWheel wheel(Moment{5'000'000});
  std::vector<std::unique_ptr<Noting>> timers;
  for (int i = 0; i < 300; ++i) timers.push_back(std::make_unique<Noting>(fired, i));
  std::map<int, std::int64_t> expected;  // name to tick
  std::int64_t now = 5'000;
  for (int round = 0; round < 3000; ++round) {
    auto name = static_cast<int>(random.below(timers.size()));
    auto& timer = *timers[static_cast<std::size_t>(name)];
    if (random.below(4) == 0) {
      timer.cancel();
      expected.erase(name);
    } else {
      auto tick = now + 1 + static_cast<std::int64_t>(random.below(1ULL << random.below(22)));
      wheel.set(timer, Moment{tick * 1000});
      expected[name] = tick;
    }
    if (random.below(3) > 0) continue;
    now += static_cast<std::int64_t>(random.below(1ULL << random.below(16)));
    fired.clear();
    wheel.advance(Moment{now * 1000});
    std::int64_t last = 0;
    for (int each : fired) {
      REQUIRE(expected.contains(each));
      CHECK(expected[each] <= now);
      CHECK(expected[each] >= last);
      last = expected[each];
      expected.erase(each);
    }
    for (auto& [each, tick] : expected) REQUIRE(tick > now);
  }
}

TEST_CASE("a timer may be set for a century, and beyond the horizon it is none") {
  std::vector<int> fired;
  TimerWheel wheel(Moment{0});
  Noting timer(fired, 1);
  constexpr std::int64_t kCentury = 100LL * 365 * 86'400 * 1'000'000;
  wheel.set(timer, Moment{kCentury});
  wheel.advance(Moment{kCentury - 1});
  CHECK(fired.empty());
  wheel.advance(Moment{kCentury});
  CHECK(fired.size() == 1);
  constexpr std::int64_t kHorizon = 1LL << 42;
  wheel.set(timer, Moment{(kHorizon - 1) * 1000});
  CHECK(timer.armed());
  wheel.set(timer, Moment{kHorizon * 1000});
  CHECK_FALSE(timer.armed());
}

TEST_CASE("a timer set in the past by its own firing waits for the next tick") {
  std::vector<int> fired;
  TimerWheel wheel(Moment{0});
  Noting timer(fired, 1);
  timer.again = &wheel;
  wheel.set(timer, Moment{1000});
  wheel.advance(Moment{1000});
  CHECK(fired.size() == 1);
  wheel.advance(Moment{3000});
  CHECK(fired.size() == 3);
}

TEST_CASE("a cancelled timer leaves no wake-up behind, and a wheel may end first") {
  std::vector<int> fired;
  auto wheel = std::make_unique<TimerWheel>(Moment{0});
  Noting first(fired, 1);
  Noting second(fired, 2);
  wheel->set(first, Moment{70'000});
  wheel->set(second, Moment{70'000});
  first.cancel();
  CHECK(wheel->next() != Moment::never());
  second.cancel();
  CHECK(wheel->next() == Moment::never());
  wheel->set(first, Moment::never());
  CHECK_FALSE(first.armed());
  wheel->set(first, Moment{70'000});
  wheel.reset();
  CHECK_FALSE(first.armed());
}

}  // namespace
}  // namespace angarium::io
