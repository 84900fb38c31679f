// Time comes through a Clock, so that tests and simulations own it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace angarium {

using Duration = std::chrono::microseconds;

/// A point on a clock that never jumps: for deadlines and intervals. Its origin means nothing.
struct Moment {
  std::int64_t microseconds = 0;
  friend constexpr auto operator<=>(Moment, Moment) = default;
  friend constexpr Moment operator+(Moment m, Duration d) { return {m.microseconds + d.count()}; }
  friend constexpr Duration operator-(Moment a, Moment b) { return Duration(a.microseconds - b.microseconds); }
  static constexpr Moment never() { return {INT64_MAX}; }
};

/// Civil time as microseconds since 1970-01-01T00:00:00Z: for Date fields, INTERNALDATE and logs. It may jump.
struct WallTime {
  std::int64_t microseconds = 0;
  friend constexpr auto operator<=>(WallTime, WallTime) = default;
  [[nodiscard]] constexpr std::int64_t seconds() const {
    return microseconds / 1'000'000 - (microseconds % 1'000'000 < 0 ? 1 : 0);
  }
  static constexpr WallTime from_seconds(std::int64_t seconds) { return {seconds * 1'000'000}; }
};

/// "2026-11-21T12:00:00.000000Z" (RFC 3339, UTC).
std::string to_rfc3339(WallTime time);

/// The seam through which all time is read. Safe to call from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Moment now() const = 0;
  [[nodiscard]] virtual WallTime wall() const = 0;
};

/// The clock of the host. Lives as long as the process.
const Clock& system_clock();

/// A clock moved by hand, for tests; one thread moves it.
class ManualClock : public Clock {
 public:
  explicit ManualClock(WallTime wall = WallTime::from_seconds(1'700'000'000)) : wall_(wall) {}
  ManualClock(const ManualClock& other) : Clock(other), now_(other.now()), wall_(other.wall()) {}
  ManualClock& operator=(const ManualClock& other) {
    now_ = other.now();
    wall_ = other.wall();
    return *this;
  }
  [[nodiscard]] Moment now() const override { return now_; }
  [[nodiscard]] WallTime wall() const override { return wall_; }
  void advance(Duration by) {
    now_ = now() + by;
    jump(by);
  }
  /// The civil clock jumps; the monotonic one does not.
  void jump(Duration by) {
    WallTime wall = wall_;
    wall.microseconds += by.count();
    wall_ = wall;
  }

 private:
  std::atomic<Moment> now_{Moment{1'000'000}};
  std::atomic<WallTime> wall_;
};

}  // namespace angarium
