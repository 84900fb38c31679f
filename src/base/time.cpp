#include "base/time.h"

#include <time.h>

namespace angarium {
namespace {

std::int64_t read_clock(clockid_t id) {
  timespec value{};
  clock_gettime(id, &value);
  return static_cast<std::int64_t>(value.tv_sec) * 1'000'000 + value.tv_nsec / 1000;
}

class SystemClock : public Clock {
 public:
  Moment now() const override { return {read_clock(CLOCK_MONOTONIC)}; }
  WallTime wall() const override { return {read_clock(CLOCK_REALTIME)}; }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace angarium
