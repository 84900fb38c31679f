// An issuer's keys, kept up with what it publishes.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "token/token.h"

namespace angarium::token {

/// No keys were to be had yet, or the token is signed by one that we could not ask for.
inline constexpr ErrorKind kUnavailable{"token.unavailable", Fault::dependency, Lasting::temporary};

/// Any thread; verify() blocks while it fetches.
class Keyring {
 public:
  /// The keys are asked for again after this, so that those that were withdrawn end,
  static constexpr Duration kAge = std::chrono::hours(1);
  /// and for a key that is not known; never more often than this: strangers choose the names of keys.
  static constexpr Duration kPause = std::chrono::minutes(1);

  /// The octets of a JWK set; may block.
  using Fetch = std::function<Result<std::string>()>;
  Keyring(std::string name, Fetch fetch, const Clock& clock = system_clock())
      : name_(std::move(name)), fetch_(std::move(fetch)), clock_(clock) {}

  /// The address that the token names: kBad, kExpired, kUnavailable. While the issuer does not answer the keys that are
  /// known go on.
  Result<std::string> verify(std::string_view token, const Terms& terms);

 private:
  using Set = std::shared_ptr<const KeySet>;
  struct Held {
    Set keys;           ///< null: none yet
    bool told = false;  ///< the last time that they were asked for they came
  };
  Held held();
  Held renewed();

  const std::string name_;
  const Fetch fetch_;
  const Clock& clock_;
  std::mutex fetching_;  // one at a time
  std::mutex mutex_;     // of all that follows
  Set keys_;
  bool told_ = false;
  bool tried_ = false;
  Moment last_;
};

}  // namespace angarium::token
