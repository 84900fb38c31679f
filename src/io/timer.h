// Timers of one loop: a hierarchical wheel of 1 ms ticks, no allocation.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/time.h"

namespace angarium::io {

class TimerWheel;

/// A moment at which the loop calls `fire`. Embedded in what waits; leaves the wheel when it is destroyed.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual ~Timer() { cancel(); }

  void cancel() noexcept;
  [[nodiscard]] bool armed() const { return wheel_ != nullptr; }

 protected:
  /// Called once, on the loop, never before the moment asked for and at most a tick late; the timer is out of the
  /// wheel and may be set again.
  virtual void fire() = 0;

 private:
  friend TimerWheel;
  TimerWheel* wheel_ = nullptr;
  Timer* next_ = nullptr;
  Timer** slot_ = nullptr;  ///< the pointer that points here
  std::int64_t tick_ = 0;
};

/// Setting and cancelling cost O(1); a timer moves down at most six levels on its way.
class TimerWheel {
 public:
  static constexpr Duration kTick{1000};

  explicit TimerWheel(Moment now);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  ~TimerWheel();

  /// Moment::never(), and whatever is more than 139 years from the clock's origin, is the same as cancel().
  void set(Timer& timer, Moment at);
  /// Fires what is due, in order of ticks. What the calls set anew for now fires in the next advance.
  void advance(Moment now);
  /// No timer fires before it; Moment::never() when there is none. May be earlier than the first timer.
  [[nodiscard]] Moment next() const;

 private:
  friend Timer;
  static constexpr int kLevels = 7;
  static constexpr int kSlotBits = 6;
  static constexpr int kSlots = 1 << kSlotBits;

  struct Due {
    std::size_t level;
    std::size_t slot;
    std::int64_t tick;
  };

  void insert(Timer& timer);
  void take_slot(std::size_t level, std::size_t slot, Timer*& list);
  [[nodiscard]] std::optional<Due> next_due() const;

  std::int64_t now_tick_;  ///< every timer of an earlier tick has fired
  std::array<std::uint64_t, kLevels> occupied_{};
  std::array<std::array<Timer*, kSlots>, kLevels> slots_{};
};

}  // namespace angarium::io
