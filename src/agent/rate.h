// How much one address may do in a minute.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/time.h"

namespace angarium::agent {

/// A token bucket for each key: `per_minute` at once, refilled evenly. Shared by all loops.
class Rate {
 public:
  /// 0: no limit.
  explicit Rate(std::uint64_t per_minute, std::size_t keys_max = 100'000, const Clock& clock = system_clock())
      : per_minute_(per_minute), keys_max_(keys_max), clock_(clock) {}

  /// From now on: buckets that are too full lose what is too much, others fill at the new pace.
  void set_per_minute(std::uint64_t per_minute) { per_minute_ = per_minute; }

  /// Takes one; false when none is left.
  bool allow(std::string_view key);
  [[nodiscard]] std::size_t keys() const;

 private:
  struct Bucket {
    double tokens;
    Moment at;
  };
  std::atomic<std::uint64_t> per_minute_;
  std::size_t keys_max_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace angarium::agent
