#include "agent/rate.h"

#include "support/test.h"

using namespace angarium;
using namespace angarium::agent;

TEST_CASE("so many a minute, then one whenever its share of the minute has passed") {
  ManualClock clock;
  Rate rate(6, 10, clock);
  for (int i = 0; i < 6; ++i) CHECK(rate.allow("a"));
  CHECK(!rate.allow("a"));
  CHECK(rate.allow("b"));
  clock.advance(std::chrono::milliseconds(9'900));
  CHECK(!rate.allow("a"));
  clock.advance(std::chrono::milliseconds(200));
  CHECK(rate.allow("a"));
  CHECK(!rate.allow("a"));
  clock.advance(std::chrono::hours(1));
  for (int i = 0; i < 6; ++i) CHECK(rate.allow("a"));
  CHECK(!rate.allow("a"));
}

TEST_CASE("no limit is no limit") {
  Rate rate(0);
  for (int i = 0; i < 1000; ++i) CHECK(rate.allow("a"));
}

TEST_CASE("the table is bounded, and full buckets are forgotten") {
  ManualClock clock;
  Rate rate(6, 2, clock);
  CHECK(rate.allow("a"));
  CHECK(rate.allow("b"));
  CHECK(!rate.allow("c"));
  clock.advance(std::chrono::minutes(1));
  CHECK(rate.allow("c"));
  CHECK(rate.keys() <= 2);
}

TEST_CASE("a new limit counts at once: fewer for buckets that are full, none at all for 0, and no sudden refill") {
  ManualClock clock;
  Rate rate(6, 10, clock);
  CHECK(rate.allow("a"));
  rate.set_per_minute(2);
  for (int i = 0; i < 2; ++i) CHECK(rate.allow("a"));
  CHECK(!rate.allow("a"));
  rate.set_per_minute(0);
  for (int i = 0; i < 100; ++i) CHECK(rate.allow("a"));
  rate.set_per_minute(60);
  CHECK(!rate.allow("a"));
  clock.advance(std::chrono::milliseconds(1'100));
  CHECK(rate.allow("a"));
  CHECK(!rate.allow("a"));
}
