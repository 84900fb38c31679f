// The keys that addresses of SRS are signed with, kept in the store: made when the first is needed, and anew every
// month.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "store/tablet.h"

namespace angarium::agent {

inline constexpr ErrorKind kDamagedKeys{"agent.damaged-keys", Fault::ours, Lasting::permanent};

/// Secrets of the agents begin with this octet.
inline constexpr char kSecretKeyOctet = 's';

/// How long a key signs. It is believed until its last address has expired.
inline constexpr Duration kSrsKeyLife = std::chrono::days(30);

/// Any thread; blocks for the store: for pools.
class SrsKeys {
 public:
  SrsKeys(store::Tablet& tablet, const Clock& clock, Random& random = system_random())
      : tablet_(tablet), clock_(clock), random_(random) {}

  /// Newest first; none while nothing was signed.
  Result<std::vector<std::string>> known();
  /// The same with one at least that is young enough to sign with, durable.
  Result<std::vector<std::string>> signing();

 private:
  struct Key {
    WallTime made;
    std::string secret;
  };
  Result<> read();
  [[nodiscard]] std::vector<std::string> secrets() const;
  static std::string encode(const std::vector<Key>& keys);

  store::Tablet& tablet_;
  const Clock& clock_;
  Random& random_;
  std::mutex mutex_;
  std::optional<std::vector<Key>> keys_;  // newest first; nothing: not read yet
};

}  // namespace angarium::agent
