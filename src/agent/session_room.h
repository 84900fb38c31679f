// How many sessions with other servers a loop has open, and who waits to open one more.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <utility>

#include "io/event.h"
#include "io/task.h"

namespace angarium::agent {

/// Of one loop: each session is a descriptor at least, wherever it leads. Places are given in the order in which they
/// were asked for.
class SessionRoom {
 public:
  /// `most`: how many there may be, now.
  explicit SessionRoom(std::function<std::size_t()> most) : most_(std::move(most)) {}
  SessionRoom(const SessionRoom&) = delete;
  SessionRoom& operator=(const SessionRoom&) = delete;

  /// Waits for a place, which is the caller's until give_back(). False: stop() was called.
  io::Task<bool> take();
  /// A place for what is open already, though there be none.
  void occupy() { ++taken_; }
  void give_back();
  /// Nobody waits any more.
  void stop();
  [[nodiscard]] bool full() const { return taken_ >= most_(); }
  /// Somebody waits for a place.
  [[nodiscard]] bool crowded() const { return !waiters_.empty(); }

 private:
  struct Waiter {
    io::Event woken;
    bool has_place = false;
  };

  std::function<std::size_t()> most_;
  std::size_t taken_ = 0;
  std::deque<Waiter*> waiters_;
  bool stopped_ = false;
};

}  // namespace angarium::agent
