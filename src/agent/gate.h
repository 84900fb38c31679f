// How many connections there are, in all, from each address and of each user of this host: who is one too many is
// turned away at the door.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "configuration/configuration.h"
#include "io/address.h"

namespace angarium::agent {

struct GateLimits {
  std::uint64_t connections_max = 20'000;
  std::uint64_t per_address_max = 2'000;  ///< not for this host itself
};

/// Sessions of one user over the control socket at one time (`mail`, `sendmail -bs`), and no more than half of all;
/// root's are not counted. Programs that hand in much come by the drop folder or by SMTP.
inline constexpr std::uint64_t kUserSessionsMax = 100;

/// Descriptors that are not for connections: files of the store, listeners, and what is open for a moment.
inline constexpr std::uint64_t kOwnDescriptors = 1024;
/// How many connections a limit of descriptors allows: the store must never lack one because of them. Half of a limit
/// that is small.
std::uint64_t connections_for(std::uint64_t descriptors);
/// As configured, or what the descriptors of this process allow.
GateLimits gate_limits(const configuration::Configuration& configuration);

/// Shared by all loops.
class Gate {
 public:
  explicit Gate(GateLimits limits)
      : connections_max_(limits.connections_max), per_address_max_(limits.per_address_max) {}

  /// For those who enter from now on; who is inside stays.
  void set_limits(GateLimits limits) {
    connections_max_ = limits.connections_max;
    per_address_max_ = limits.per_address_max;
  }

  /// One place; given back when it ends. An empty pass means the connection is refused.
  class Pass {
   public:
    Pass() = default;
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)), party_(std::move(other.party_)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->leave(party_);
    }
    explicit operator bool() const { return gate_ != nullptr; }

   private:
    friend Gate;
    Pass(Gate* gate, std::string party) : gate_(gate), party_(std::move(party)) {}
    Gate* gate_ = nullptr;
    std::string party_;  // address or user; empty: counted among all alone
  };
  Pass enter(const io::Endpoint& peer);
  Pass enter_user(unsigned uid);

  [[nodiscard]] std::uint64_t connections() const { return connections_.load(); }

 private:
  Pass enter(std::string party, std::uint64_t party_max);
  void leave(const std::string& party);

  std::atomic<std::uint64_t> connections_max_;
  std::atomic<std::uint64_t> per_address_max_;
  std::atomic<std::uint64_t> connections_{0};
  std::mutex mutex_;
  std::unordered_map<std::string, std::uint64_t> by_party_;
};

}  // namespace angarium::agent
