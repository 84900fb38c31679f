#include "io/memory.h"

namespace angarium::io {

SimulatedLoop::SimulatedLoop(std::uint64_t seed, WallTime start, Answers answers)
    : Loop(ManualClock(start).now()),
      clock_(start),
      seed_(seed),
      answers_(answers),
      random_(seed),
      order_(~seed),
      entered_(this) {}

SimulatedLoop::~SimulatedLoop() { clear(); }

void SimulatedLoop::settle() {
  do {
    turn(clock_.now());
  } while (work_waiting() || wait_for_answers());
}

bool SimulatedLoop::wait_for_answers() {
  if (answers_ == Answers::by_tasks || owed() == 0) return false;
  woken_.wait(false);
  woken_.store(false);
  return true;
}

void SimulatedLoop::run() {
  while (true) {
    settle();
    if (finished() || tasks() == 0) return;
    auto next = timers().next();
    if (next == Moment::never()) return;
    clock_.advance(next - clock_.now());
  }
}

void SimulatedLoop::advance(Duration by) {
  auto until = clock_.now() + by;
  settle();
  for (auto next = timers().next(); next <= until; next = timers().next()) {
    clock_.advance(next - clock_.now());
    settle();
  }
  clock_.advance(until - clock_.now());
  settle();
}

Result<void> SimulatedLoop::watch([[maybe_unused]] Watch& watch) {
  return fail(kUnsupported, "a simulated loop has no descriptors");
}

void SimulatedLoop::unwatch([[maybe_unused]] Watch& watch) noexcept {}

void SimulatedLoop::wake() noexcept {
  woken_.store(true);
  woken_.notify_one();
}

std::size_t SimulatedLoop::choose(std::size_t waiting) { return seed_ == 0 ? 0 : order_.below(waiting); }

}  // namespace angarium::io
