// Deliveries into files and to commands: on threads of their own, a share for each user, and with an end in order.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/time.h"
#include "delivery/call_off.h"
#include "io/fair_pool.h"

namespace angarium::agent {

/// Deliveries under way at one time, and of these for one user: slow commands of one are no others' trouble.
inline constexpr std::size_t kTargetThreads = 16;
inline constexpr std::size_t kTargetShare = 2;

/// Any thread. At the end of the server: stop(), then wait() until who has begun a delivery has written down what came
/// of it, call_off() for commands that take longer, end().
class Targets {
 public:
  /// Without threads: on the loop of who asks, for simulations.
  explicit Targets(std::size_t threads);
  Targets(const Targets&) = delete;
  Targets& operator=(const Targets&) = delete;
  ~Targets();

  /// Somebody is about to deliver, and will write down what came of it, while this lives.
  class Visit {
   public:
    explicit Visit(Targets& targets) : targets_(&targets) { targets.count(1); }
    Visit(Visit&& other) noexcept : targets_(std::exchange(other.targets_, nullptr)) {}
    Visit& operator=(Visit&& other) noexcept {
      std::swap(targets_, other.targets_);
      return *this;
    }
    ~Visit() {
      if (targets_ != nullptr) targets_->count(-1);
    }

   private:
    Targets* targets_;
  };

  /// Where deliveries are made; the party is whose rights they are made with.
  [[nodiscard]] io::FairPool& pool() { return pool_; }
  /// How commands learn that they are called off.
  [[nodiscard]] delivery::CallOff called_off() const { return {.descriptor = event_, .events = POLLIN}; }

  /// No delivery is begun any more; those that wait are not made.
  void stop() {
    stopped_ = true;
    pool_.drop();
  }
  [[nodiscard]] bool stopped() const { return stopped_; }
  /// Whether nobody visits any more; waits so long for it. Not on a loop.
  bool wait(Duration patience);
  /// Commands that the server runs itself are ended.
  void call_off() const;
  /// stop(), and waits for what is under way.
  void end() { pool_.end(); }

 private:
  void count(int one);

  int event_;
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  std::condition_variable nobody_;
  std::size_t visits_ = 0;  // under the mutex
  io::FairPool pool_;       // last: its threads end first
};

}  // namespace angarium::agent
