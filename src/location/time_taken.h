// How much time of threads users take, so that who takes much waits for others alike, and not everybody for them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>

#include "base/time.h"

namespace angarium::location {

struct TimeLimits {
  /// What a user may take before the user is slow.
  Duration swift = std::chrono::seconds(10);
  /// Work that takes so long was held up: by locks, which are waited for no longer, or by the user.
  Duration late = std::chrono::seconds(30);
  /// Who takes so much by work that was held up is left alone for a while.
  Duration held_up = std::chrono::minutes(2);
};

/// So much of the time that passes is given back.
inline constexpr std::int64_t kTimeGivenBack = 30;

/// One thread at a time.
class TimeTaken {
 public:
  explicit TimeTaken(TimeLimits limits = {}) : limits_(limits) {}

  /// Whether the user is to be left alone now; what was held up counts from nothing then.
  bool add(const std::string& user, Duration spent, Moment now) {
    Taken& taken = at(user, now);
    taken.all += spent;
    if (spent >= limits_.late) taken.held_up += spent;
    if (taken.held_up < limits_.held_up) return false;
    taken.held_up = {};
    return true;
  }
  [[nodiscard]] bool is_slow(const std::string& user, Moment now) {
    if (!taken_.contains(user)) return false;
    return at(user, now).all >= limits_.swift;
  }
  /// Users of whom nothing counts any more.
  void forget(Moment now) {
    for (auto at = taken_.begin(); at != taken_.end();) {
      give_back(at->second, now);
      at = at->second.all <= Duration::zero() ? taken_.erase(at) : std::next(at);
    }
  }
  [[nodiscard]] std::size_t size() const { return taken_.size(); }

 private:
  struct Taken {
    Duration all{};
    Duration held_up{};  ///< of it
    Moment at{};
  };
  Taken& at(const std::string& user, Moment now) {
    Taken& taken = taken_.try_emplace(user, Taken{.all = {}, .held_up = {}, .at = now}).first->second;
    give_back(taken, now);
    return taken;
  }
  static void give_back(Taken& taken, Moment now) {
    const Duration back = (now - taken.at) / kTimeGivenBack;
    taken.all = std::max(taken.all - back, Duration::zero());
    taken.held_up = std::max(taken.held_up - back, Duration::zero());
    taken.at = now;
  }

  TimeLimits limits_;
  std::map<std::string, Taken> taken_;
};

}  // namespace angarium::location
