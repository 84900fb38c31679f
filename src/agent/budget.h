// One budget for the memory of messages in flight, shared by all connections: when it is spent, new work is put off.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace angarium::agent {

/// Shared by all loops. One owner (an address or account) may hold a tenth of it at most.
class Budget {
 public:
  explicit Budget(std::uint64_t octets) : octets_(octets) {}

  /// From now on; what is held stays held.
  void set_octets(std::uint64_t octets) { octets_ = octets; }

  /// Octets held for one message. Empty: the budget is spent, come back later.
  class Hold {
   public:
    Hold() = default;
    Hold(Hold&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), owner_(std::move(other.owner_)), octets_(other.octets_) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(owner_, other.owner_);
      std::swap(octets_, other.octets_);
      return *this;
    }
    ~Hold() {
      if (budget_ != nullptr) budget_->give_back(owner_, octets_);
    }
    explicit operator bool() const { return budget_ != nullptr; }

   private:
    friend Budget;
    Hold(Budget* budget, std::string owner, std::uint64_t octets)
        : budget_(budget), owner_(std::move(owner)), octets_(octets) {}
    Budget* budget_ = nullptr;
    std::string owner_;  // empty: this host, which has no share of its own
    std::uint64_t octets_ = 0;
  };
  Hold take(std::string owner, std::uint64_t octets);
  /// Whether new connections should be put off.
  [[nodiscard]] bool spent() const { return held_.load() >= octets_; }
  [[nodiscard]] std::uint64_t held() const { return held_.load(); }

 private:
  void give_back(const std::string& owner, std::uint64_t octets);

  std::atomic<std::uint64_t> octets_;
  std::atomic<std::uint64_t> held_{0};
  std::mutex mutex_;
  std::unordered_map<std::string, std::uint64_t> by_owner_;
};

/// The share of this host's memory that the configuration allows.
std::uint64_t budget_octets(std::int64_t percent);

}  // namespace angarium::agent
