#include "base/time.h"

#include <time.h>

#include <array>

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

std::string to_rfc3339(WallTime time) {
  const time_t seconds = time.seconds();
  tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  const std::size_t length = strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::string fraction = std::to_string(1'000'000 + (time.microseconds - time.seconds() * 1'000'000));
  fraction[0] = '.';
  return std::string(text.data(), length) + fraction + "Z";
}

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace angarium
