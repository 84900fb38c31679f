// Keeps the mailboxes of accounts and the boxes of their locations ([location] of the configuration) the same.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "agent/services.h"
#include "io/event.h"
#include "io/pool.h"
#include "io/task.h"
#include "location/keeper.h"
#include "route/location.h"

namespace angarium::agent {

/// Boxes are looked at so often while somebody reads the account's mail here,
inline constexpr Duration kLookOften = std::chrono::seconds(2);
/// and else.
inline constexpr Duration kLookSeldom = std::chrono::seconds(30);
/// Who opens an account waits so long for its boxes to be looked at; then it shows what is here.
inline constexpr Duration kOpeningWait = std::chrono::seconds(5);

/// Boxes that are worked on at one time: each may wait for locks.
inline constexpr std::size_t kBoxThreads = 4;

/// Accounts that are looked at together.
inline constexpr std::size_t kAccountsAtOnce = 8;

/// On one loop; attend() from any.
class Caretaker {
 public:
  using Rules = std::vector<configuration::TransportRule>;
  using RulesInUse = std::function<std::shared_ptr<const Rules>()>;

  /// `home`: where journals of boxes go that may not lie beside them. Without threads all is done on the loop, as in a
  /// simulation.
  Caretaker(Services& services, RulesInUse rules, std::string home, std::size_t threads = kBoxThreads);
  Caretaker(const Caretaker&) = delete;
  Caretaker& operator=(const Caretaker&) = delete;
  ~Caretaker() { end_work(); }

  /// Until stop(); about a second after it, once what is under way has ended.
  io::Task<> run();
  /// From any thread.
  void stop() { stopped_ = true; }
  /// Waits for what is under way on its threads. After the loops have stopped.
  void end_work() { pool_.end(); }

  /// Somebody who reads an account's mail, until it ends.
  class Attendance {
   public:
    Attendance() = default;
    Attendance(Attendance&& other) noexcept
        : caretaker_(std::exchange(other.caretaker_, nullptr)), account_(other.account_) {}
    Attendance& operator=(Attendance&& other) noexcept {
      std::swap(caretaker_, other.caretaker_);
      std::swap(account_, other.account_);
      return *this;
    }
    ~Attendance();

   private:
    friend Caretaker;
    Caretaker* caretaker_ = nullptr;
    account::AccountId account_ = 0;
  };
  /// Waits until the account's boxes have been looked at, kOpeningWait at most; at once for one without a location.
  io::Task<Attendance> attend(account::AccountId account);

 private:
  /// An account with a location.
  struct Located {
    std::string address;
    location::Location location;
    Moment due{};
    bool busy = false;
    bool again = false;  ///< somebody waits for a look that begins from now on
    mailbox::AccountMailPtr mail;
    std::unique_ptr<mailbox::Watch> watch;
    std::shared_ptr<std::atomic<bool>> changed = std::make_shared<std::atomic<bool>>(false);
    std::string told;  ///< the troubles that were logged last
  };
  /// Somebody who waits for an account's boxes to be looked at.
  struct Waiting {
    account::AccountId account = 0;
    Moment until;
    io::CrossThread<>::Completion answer;
  };

  io::Task<Result<>> renew();
  io::Task<> look_at(account::AccountId account);
  void take_waiting();
  void tell(Located& located, const Result<location::Report>& settled) const;
  bool begin_due();

  Services& services_;
  RulesInUse rules_in_use_;
  io::Pool pool_;  // waits for locks on files: apart from the store's
  location::Keeper keeper_;
  std::atomic<bool> stopped_ = false;
  std::shared_ptr<const Rules> rules_;  // held, so that other ones have another address
  Moment renew_at_{};
  std::map<account::AccountId, Located> located_;
  std::list<Waiting> waiting_;
  std::size_t at_work_ = 0;

  std::mutex mutex_;
  bool closed_ = false;                                 // under the mutex: nobody is answered any more
  std::map<account::AccountId, std::size_t> attended_;  // under the mutex, for known ones
  std::list<Waiting> came_;                             // under the mutex
  std::set<account::AccountId> known_;                  // under the mutex: accounts with a location
};

}  // namespace angarium::agent
