#include "agent/sweeper.h"

#include <cstdlib>
#include <ctime>
#include <vector>

#include "io/memory.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::agent;

namespace {

/// Local time as the test says, put back at its end.
class Zone {
 public:
  explicit Zone(const char* name) {
    setenv("TZ", name, 1);
    tzset();
  }
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;
  ~Zone() {
    unsetenv("TZ");
    tzset();
  }
};

constexpr WallTime utc(int day, int hour, int minute = 0) {  // of January 2026
  return WallTime::from_seconds(1'767'225'600 + ((day - 1) * 24 + hour) * 3600 + minute * 60);
}

/// A server that runs, its sweeps noted.
struct World {
  explicit World(WallTime start, std::optional<WallTime> swept = std::nullopt, int hour = 3) : loop(0, start) {
    sweeper.emplace(
        [this](const store::SweepOptions& options) -> Result<store::SweepReport> {
          CHECK(options.octets_per_second > 0);
          CHECK(options.dead_age_max <= std::chrono::days(28));
          at.push_back(loop.clock().wall());
          if (fails) return fail(store::kStopped, "as told");
          return store::SweepReport{};
        },
        swept, SweeperOptions{.hour = hour});
    loop.spawn(sweeper->run());
  }
  io::SimulatedLoop loop;
  bool fails = false;
  std::vector<WallTime> at;
  std::optional<Sweeper> sweeper;
};

}  // namespace

TEST_CASE("the quiet hour is the local one, also on the days when clocks change") {
  const Zone zone("CET-1CEST,M3.5.0,M10.5.0/3");
  CHECK(next_at_hour(utc(5, 1, 59), 3) == utc(5, 2));
  CHECK(next_at_hour(utc(5, 2), 3) == utc(6, 2));
  CHECK(next_at_hour(utc(31, 12), 3) == utc(32, 2));
  CHECK(next_at_hour(utc(88, 0), 3) == utc(88, 1));    // 29 March: 3:00 is 1:00 UTC
  CHECK(next_at_hour(utc(298, 0), 4) == utc(298, 3));  // 25 October: back in winter time
}

TEST_CASE("the store is swept once a day at the quiet hour") {
  const Zone zone("UTC0");
  World world(utc(5, 12), utc(5, 3));
  world.loop.advance(std::chrono::hours(24 * 7));
  REQUIRE(world.at.size() == 7);
  for (int i = 0; i < 7; ++i) {
    CHECK(world.at[static_cast<std::size_t>(i)] >= utc(6 + i, 3));
    CHECK(world.at[static_cast<std::size_t>(i)] <= utc(6 + i, 3, 1));
  }
  world.sweeper->stop();
  world.loop.advance(std::chrono::seconds(2));
  CHECK(world.loop.tasks() == 0);
}

TEST_CASE("a store that was never swept, or not for long, is swept soon after the start, and then at the quiet hour") {
  const Zone zone("UTC0");
  const std::vector<std::optional<WallTime>> cases = {std::nullopt, utc(1, 3), utc(20, 0)};
  for (const auto& swept : cases) {
    World world(utc(5, 12), swept);
    world.loop.advance(std::chrono::minutes(9));
    CHECK(world.at.empty());
    world.loop.advance(std::chrono::minutes(2));
    CHECK(world.at.size() == 1);
    world.loop.advance(std::chrono::hours(24));
    CHECK(world.at.size() == 2);
    world.sweeper->stop();
  }
}

TEST_CASE("a failed sweep is tried again an hour later") {
  const Zone zone("UTC0");
  World world(utc(5, 2), utc(4, 3));
  world.fails = true;
  world.loop.advance(std::chrono::minutes(110));
  CHECK(world.at.size() == 1);
  world.fails = false;
  world.loop.advance(std::chrono::hours(5));
  CHECK(world.at.size() == 2);
  world.sweeper->stop();
}

TEST_CASE("-1: nobody sweeps") {
  World world(utc(5, 12), std::nullopt, -1);
  world.loop.advance(std::chrono::hours(24 * 3));
  CHECK(world.at.empty());
  CHECK(world.loop.tasks() == 0);
}

TEST_CASE("a clock that is set back a year does not put sweeping off for a year") {
  const Zone zone("UTC0");
  World world(utc(400, 12), utc(400, 3));
  world.loop.advance(std::chrono::minutes(1));
  world.loop.jump(-std::chrono::hours(24 * 365));
  world.loop.advance(std::chrono::minutes(12));
  CHECK(world.at.size() == 1);
  world.sweeper->stop();
}
