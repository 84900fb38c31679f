#include "location/time_taken.h"

#include "support/test.h"

namespace angarium::location {
namespace {

using namespace std::chrono_literals;

TEST_CASE("who takes much time is slow until enough of it is given back, and nobody else is") {
  TimeTaken taken;
  ManualClock clock;
  CHECK(!taken.is_slow("anna", clock.now()));
  for (int i = 0; i < 9; ++i) CHECK(!taken.add("anna", 1s, clock.now()));
  CHECK(!taken.is_slow("anna", clock.now()));
  CHECK(!taken.add("anna", 1s, clock.now()));
  CHECK(taken.is_slow("anna", clock.now()));
  CHECK(!taken.is_slow("bert", clock.now()));
  taken.add("anna", 1s, clock.now());
  clock.advance(29s);
  CHECK(taken.is_slow("anna", clock.now()));
  clock.advance(32s);
  CHECK(!taken.is_slow("anna", clock.now()));
}

TEST_CASE("who takes little again and again is never slow") {
  TimeTaken taken;
  ManualClock clock;
  for (int i = 0; i < 10'000; ++i) {
    CHECK(!taken.add("anna", 50ms, clock.now()));
    clock.advance(2s);
  }
  CHECK(!taken.is_slow("anna", clock.now()));
}

TEST_CASE("whose work is held up again and again is left alone by the sum of it, and swift work is no part of it") {
  TimeTaken taken;
  ManualClock clock;
  for (int i = 0; i < 100; ++i) CHECK(!taken.add("anna", 29s, clock.now()));
  CHECK(!taken.add("anna", 30s, clock.now()));
  CHECK(!taken.add("anna", 89s, clock.now()));
  CHECK(taken.add("anna", 119s, clock.now()));
  // It begins anew.
  CHECK(!taken.add("anna", 119s, clock.now()));
  clock.advance(1h);
  CHECK(!taken.add("anna", 119s, clock.now()));
  CHECK(taken.add("anna", 30s, clock.now()));
}

TEST_CASE("of whom nothing counts any more nothing is kept") {
  TimeTaken taken;
  ManualClock clock;
  taken.add("anna", 1s, clock.now());
  taken.add("bert", 2s, clock.now());
  taken.forget(clock.now());
  CHECK(taken.size() == 2);
  clock.advance(30s);
  taken.forget(clock.now());
  CHECK(taken.size() == 1);
  clock.advance(30s);
  taken.forget(clock.now());
  CHECK(taken.size() == 0);
}

}  // namespace
}  // namespace angarium::location
