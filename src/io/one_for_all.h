// Work that several want done at the same time, and one does.
#pragma once

#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "io/error.h"
#include "io/event.h"
#include "io/task.h"

namespace angarium::io {

/// Safe from any loop. It outlives who runs.
class OneForAll {
 public:
  /// Does the work, a function that gives a Task<Result<>>, or waits for the outcome of who is at it: that one may have
  /// begun before what this caller wants to see was there. Whoever is ended amid the work leaves it to one of those who
  /// wait.
  template <class Work>
  Task<Result<>> run(Work work) {
    while (true) {
      std::optional<CrossThread<>> other;
      {
        const std::lock_guard lock(mutex_);
        if (at_work_) waiting_.push_back(other.emplace().completion());
        at_work_ = true;
      }
      if (!other) {
        Turn turn(*this);
        Result<> outcome = co_await work();
        turn.end(outcome);
        co_return outcome;
      }
      Result<> outcome = co_await *other;
      if (outcome || !outcome.error().is(kCancelled)) co_return outcome;
    }
  }

 private:
  class Turn {
   public:
    explicit Turn(OneForAll& of) : of_(of) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (!ended_) end(fail(kCancelled, "who was at work has ended"));
    }
    void end(const Result<>& outcome) {
      ended_ = true;
      std::vector<CrossThread<>::Completion> waiting;
      {
        const std::lock_guard lock(of_.mutex_);
        of_.at_work_ = false;
        waiting.swap(of_.waiting_);
      }
      for (auto& one : waiting) one(outcome);
    }

   private:
    OneForAll& of_;
    bool ended_ = false;
  };

  std::mutex mutex_;
  bool at_work_ = false;                            // under the mutex
  std::vector<CrossThread<>::Completion> waiting_;  // under the mutex
};

}  // namespace angarium::io
