// Counts failed logins by address, so that guessing costs time.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/time.h"

namespace angarium::account {

struct AttemptLimits {
  std::uint32_t failures_max = 5;
  Duration window = std::chrono::minutes(10);
  std::size_t addresses_max = 100'000;  ///< beyond it the longest quiet ones are forgotten: bounds the memory
};

/// Safe from any thread. The empty address is this host, which is never counted.
class Attempts {
 public:
  explicit Attempts(AttemptLimits limits, const Clock& clock = system_clock()) : clock_(clock), limits_(limits) {}

  /// From now on; the failures that are counted stay counted.
  void set_limits(AttemptLimits limits);

  /// Whether this address has failed so often within the window that it has to wait.
  bool locked_out(std::string_view address);
  /// One more failure; the count starts anew once a whole window passes without one.
  void failed(std::string_view address);
  /// So many fewer.
  void take_back(std::string_view address, std::uint32_t failures);
  /// A success does not clear the count: whoever owns one password could otherwise guess others for ever.
  [[nodiscard]] std::size_t addresses() const;

 private:
  struct Count {
    std::uint32_t failures = 0;
    Moment last;
  };
  void make_room();

  const Clock& clock_;
  mutable std::mutex mutex_;  // of all that follows
  AttemptLimits limits_;
  std::unordered_map<std::string, Count> counts_;
};

/// What failures are counted under: an IPv4 address whole, an IPv6 address by its /64 network, since one host owns all
/// of that.
std::string attempt_key(std::string_view address);

}  // namespace angarium::account
