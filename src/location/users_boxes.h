// Boxes of users of the host: others work on them, each with its user's rights, and are asked.
//
// One process of the steward's (cage) for each location in use, and another one for a spool file, which has the spool's
// group beside the user's own. A user can stop it, or let a file of it never answer: whoever does not answer in time is
// left to the steward to kill, and that user is not attended to for a while, so that nobody waits for a user's boxes
// again and again. Nor do others where each answer comes just in time: what users take is summed up, and those who take
// much share threads of their own.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/time.h"
#include "cage/errand.h"
#include "cage/message.h"
#include "cage/socket.h"
#include "location/order.h"
#include "location/time_taken.h"

namespace angarium::location {

/// Threads of all users who take much time (TimeTaken), and orders of theirs that wait; one more fails, and its look is
/// begun anew later.
inline constexpr std::size_t kSlowThreads = 1;
inline constexpr std::size_t kSlowWaiting = 8;
/// How long is waited for users' processes.
struct Patience {
  /// What one order may take: locks are waited for for 30 s, and a large mbox is read.
  Duration order = std::chrono::minutes(2);
  /// What the host may take to begin a process.
  Duration beginning = cage::kQuestionTime;
  TimeLimits limits{};
};
/// A user for whom the host did not begin a process in time is not asked for again before: each time a thread waits.
inline constexpr Duration kHostTimeOff = std::chrono::minutes(1);
/// Who did not answer is not asked again before.
inline constexpr Duration kTimeOff = std::chrono::minutes(10);
/// Processes that are kept; as many as are used at one time are more if need be (agent::kAccountsAtOnce, two for each).
inline constexpr std::size_t kHandsKept = 32;
/// A process that nobody needed for so long is let go; it would not wait longer than kUnasked itself.
inline constexpr Duration kHandUnused = std::chrono::seconds(10);

class UsersBoxes final : public Boxes {
 public:
  /// Begins a process as the user; as cage::Steward::attend().
  using Attend = std::function<Result<Descriptor>(const cage::Attend& request)>;
  UsersBoxes(Attend attend, const Clock& clock, Patience patience = {}, std::size_t slow_threads = kSlowThreads)
      : attend_(std::move(attend)),
        clock_(clock),
        patience_(patience),
        taken_(patience.limits),
        slow_({.name = "slow boxes", .threads = slow_threads, .queue = kSlowWaiting}) {}

  Result<std::vector<Found>> find(const Location& location) override;
  Result<> make(const Location& location, const std::string& path) override;
  Result<> rename(const Location& location, const std::string& from, const std::string& to) override;
  Result<> remove(const Location& location, const std::string& path) override;
  Result<bool> is_missing(const Location& location, const std::string& path) override;
  Result<Stamp> stamp(const Location& location, const std::string& path) override;
  Result<std::shared_ptr<OpenBox>> open(const Location& location, const std::string& path) override;
  Result<There> add(const Location& location, const std::string& path, const NewMessage& message) override;

  /// Those that all slow users share.
  io::Pool* threads(const Location& location) override { return is_slow(location.user) ? &slow_ : nullptr; }
  [[nodiscard]] bool is_slow(const std::string& user);

  /// All that is waited for fails now, and nothing is begun any more. From any thread.
  void end();
  /// Behind it: waits for the slow threads. From one thread.
  void end_threads() { slow_.end(); }

 private:
  /// A process, and the turn to speak with it.
  struct Hand {
    Descriptor socket;
    std::string user;
    std::mutex turn;
    Moment used{};  // under the mutex of all
    std::atomic<bool> broken = false;
  };
  using HandPtr = std::shared_ptr<Hand>;
  class BoxThere;

  Result<HandPtr> hand_for(const Location& location, const std::string& path);
  void let_go();
  void make_room();
  void note_time(const std::string& user, Duration spent, bool unanswered);
  template <class Wanted>
  Result<Wanted> ask(const HandPtr& hand, const Order& order);
  template <class Wanted>
  Result<Wanted> ask(const Location& location, const std::string& path, const Order& order);
  Result<Reply> exchange(Hand& hand, const Order& order);

  Attend attend_;
  const Clock& clock_;
  Patience patience_;
  std::mutex mutex_;
  std::map<std::string, HandPtr> hands_;    // under the mutex
  std::map<std::string, Moment> time_off_;  // under the mutex; by user
  std::map<std::string, Moment> host_off_;  // under the mutex; by user whom the host, not the user, holds up
  TimeTaken taken_;                         // under the mutex
  bool ended_ = false;                      // under the mutex
  io::Pool slow_;                           // last: its threads end first
};

/// Each location's: its user's, or this process's.
class EverybodysBoxes final : public Boxes {
 public:
  /// `users`: null where users of the host are not served.
  EverybodysBoxes(box::Host host, UsersBoxes* users) : here_(std::move(host)), users_(users) {}

  Result<std::vector<Found>> find(const Location& location) override { return TRY(of(location))->find(location); }
  Result<> make(const Location& location, const std::string& path) override {
    return TRY(of(location))->make(location, path);
  }
  Result<> rename(const Location& location, const std::string& from, const std::string& to) override {
    return TRY(of(location))->rename(location, from, to);
  }
  Result<> remove(const Location& location, const std::string& path) override {
    return TRY(of(location))->remove(location, path);
  }
  Result<bool> is_missing(const Location& location, const std::string& path) override {
    return TRY(of(location))->is_missing(location, path);
  }
  Result<Stamp> stamp(const Location& location, const std::string& path) override {
    return TRY(of(location))->stamp(location, path);
  }
  Result<std::shared_ptr<OpenBox>> open(const Location& location, const std::string& path) override {
    return TRY(of(location))->open(location, path);
  }
  Result<There> add(const Location& location, const std::string& path, const NewMessage& message) override {
    return TRY(of(location))->add(location, path, message);
  }
  io::Pool* threads(const Location& location) override {
    return users_ == nullptr || location.user.empty() ? nullptr : users_->threads(location);
  }

 private:
  Result<Boxes*> of(const Location& location);
  BoxesHere here_;
  UsersBoxes* users_;
};

}  // namespace angarium::location
