// Keeps the mailboxes of accounts and the boxes of their locations ([location] of the configuration) the same.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/location_of.h"
#include "agent/services.h"
#include "io/event.h"
#include "io/pool.h"
#include "io/task.h"
#include "location/keeper.h"
#include "location/users_boxes.h"
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

/// Questions for homes of users that are under way at one time: fewer than the threads that ask the host for names.
inline constexpr std::size_t kHomesAtOnce = 4;
/// What could not be asked is asked again after so long, and each time after twice as much up to the second.
inline constexpr Duration kHomeAgain = std::chrono::seconds(30);
inline constexpr Duration kHomeAgainMost = std::chrono::minutes(5);
/// Who wants something done with an account's boxes waits so long for the host to tell of a home: a little more than
/// one question may take (cage::kQuestionTime).
inline constexpr Duration kErrandWait = std::chrono::seconds(35);
/// Accounts of users who take much time (location::TimeTaken) that are looked at beside all others.
inline constexpr std::size_t kSlowAtOnce = 4;
/// Looks that are under way at the end of the server; then users' processes are let go, whatever they do.
inline constexpr Duration kLastLooks = std::chrono::seconds(2);

/// Users of the host, whose boxes are reached with their rights.
struct HostUsersBoxes {
  /// Asks for the home of a user and never blocks; the answer, which may never come, as SystemUsers::home_of(). Empty:
  /// they are not served.
  using HomeAnswer = io::CrossThread<std::string>::Completion;
  std::function<void(const std::string& user, HomeAnswer answer)> ask_home{};
  location::UsersBoxes::Attend attend{};  ///< blocks
  location::Patience patience{};
  std::size_t slow_threads = location::kSlowThreads;  ///< 0: as `threads` of the caretaker
  std::function<void()> call_off{};  ///< attend() fails from now on, and for who waits for it; empty: it does soon
};

/// On one loop; attend() from any.
class Caretaker {
 public:
  using Rules = std::vector<configuration::TransportRule>;
  using RulesInUse = std::function<std::shared_ptr<const Rules>()>;

  /// `home`: where journals of boxes go that may not lie beside them. Without threads all is done on the loop, as in a
  /// simulation.
  Caretaker(Services& services, RulesInUse rules, std::string home, std::size_t threads = kBoxThreads,
            HostUsersBoxes users = {});
  Caretaker(const Caretaker&) = delete;
  Caretaker& operator=(const Caretaker&) = delete;
  ~Caretaker() { end_work(); }

  /// Until stop(); about a second after it, once what is under way has ended. Users of the host are not waited for
  /// longer than kLastLooks, and for homes nobody is.
  io::Task<> run();
  /// From any thread.
  void stop() { stopped_ = true; }
  /// Waits for what is under way on its threads. After the loops have stopped.
  void end_work() {
    call_off();
    users_boxes_.end_threads();
    pool_.end();
  }

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
  /// Waits until the account's boxes have been looked at, kOpeningWait at most, or until somebody sets `enough` (which
  /// is of the caller's loop and outlives the call; null: nobody does); at once for one without a location.
  io::Task<Attendance> attend(account::AccountId account, io::Event* enough = nullptr);

  /// Something that is done with an account's boxes while nobody else is at them, and a text that comes of it.
  using ErrandResult = Result<std::optional<std::string>>;
  using Errand = std::function<io::Task<ErrandResult>(location::Keeper& keeper, location::Location location)>;
  /// Nothing: the account has no location. From any thread; the errand runs on the caretaker's loop.
  io::Task<ErrandResult> run_errand(account::AccountId account, Errand errand);

  /// Accounts whose place is another's, and words that say whose. Their mail lies in the own store alone. Any thread.
  TakenPlaces taken() const;

 private:
  class Waiter;
  class Turn;

  /// An account with a line.
  struct Located {
    account::Account account;
    std::string asks;                         ///< the user of the host whose home its line needs; empty: none
    std::optional<Result<std::string>> home;  ///< of this user, or that there is none; as it was told last
    bool asking = false;                      ///< a question is under way
    Moment ask_at{};                          ///< not before
    Duration ask_pause = kHomeAgain;          ///< behind a failure
    bool failed = false;                      ///< the last question
    std::optional<location::Location> place;  ///< nothing: it has none, or nobody knows
    std::string key;                          ///< the place as a text
    std::string unplaced;                     ///< why it has no place, or why nobody knows
    std::string taken;                        ///< whose the place is
    std::string held_up;                      ///< why nobody knows yet whose it is
    bool held_up_soon_told = false;           ///< the host has not failed to tell of it
    std::string told_unplaced;                ///< of these, what was logged last
    Moment due{};
    bool busy = false;
    bool again = false;  ///< somebody waits for a look that begins from now on
    mailbox::AccountMailPtr mail;
    std::unique_ptr<mailbox::Watch> watch;
    std::shared_ptr<std::atomic<bool>> changed = std::make_shared<std::atomic<bool>>(false);
    bool moved_in = false;  ///< its boxes are left alone: nobody waits for them
    std::string told;       ///< the troubles that were logged last

    [[nodiscard]] bool has_place() const { return place && taken.empty() && held_up.empty(); }
    /// The host has never said anything of it, nor failed to.
    [[nodiscard]] bool is_unheard() const { return !asks.empty() && !home && !failed; }
    /// Whoever opens the account waits.
    [[nodiscard]] bool is_waited_for() const { return is_unheard() || held_up_soon_told || (has_place() && !moved_in); }
    /// At `now` the host is to be asked for the home anew.
    [[nodiscard]] bool is_to_be_asked(Moment now) const { return !asks.empty() && !asking && now >= ask_at; }
  };
  /// A question to the host.
  struct Question {
    Question(account::AccountId of, std::string name, Moment now) : account(of), user(std::move(name)), asked(now) {}
    account::AccountId account;
    std::string user;
    Moment asked;
    io::CrossThread<std::string> answer;
  };

  /// What somebody wants to be done.
  struct Wanted {
    account::AccountId account = 0;
    Errand errand;
    io::CrossThread<std::optional<std::string>>::Completion answer;
    Moment until{};  ///< so long it is waited for what the host says of homes
  };

  /// What an account's line says, as far as nobody has to be asked.
  struct Decided {
    account::Account account;
    std::string asks;
    Result<std::optional<location::Location>> place;
  };
  struct Listing {
    std::vector<Decided> decided;
    account::AccountId newest = 0;  ///< of all accounts
  };
  // caretaker_places.cpp
  io::Task<Result<>> renew();
  io::Task<Result<Listing>> list(route::LocationMap map);
  void take_line(Decided decided);
  void set_place(account::AccountId account, Located& located, Result<std::optional<location::Location>> place);
  [[nodiscard]] Result<std::optional<location::Location>> place_by_home(const Located& located) const;
  void ask_homes();
  void hear_home(account::AccountId account, const std::string& user, Result<std::string> home);
  void share_out();
  static void tell_unplaced(Located& located);

  io::Task<> look_at(account::AccountId account, location::Location place, Turn turn);
  void take_waiting();
  void take_wishes();
  /// `renewed`: whether it is known who is where.
  void begin_errands(const Result<>& renewed);
  io::Task<> do_errand(Wanted wanted, location::Location place, Turn turn);
  void note_moved_in(account::AccountId account, Located& located, bool moved_in);
  static void tell(Located& located, const Result<location::Report>& settled);
  void begin_due();
  [[nodiscard]] bool is_slow(const Located& located);
  void answer_waiting(account::AccountId account);
  void answer_all();
  void call_off();
  [[nodiscard]] Duration pause() const;

  Services& services_;
  RulesInUse rules_in_use_;
  io::Pool pool_;  // waits for locks on files: apart from the store's
  HostUsersBoxes users_;
  location::UsersBoxes users_boxes_;
  location::EverybodysBoxes boxes_;
  location::Keeper keeper_;
  std::atomic<bool> stopped_ = false;
  std::shared_ptr<const Rules> rules_;  // held, so that other ones have another address
  Moment renew_at_{};
  route::LocationMap map_;
  std::map<account::AccountId, Located> located_;
  std::set<std::pair<Moment, account::AccountId>> to_ask_;  ///< whose homes are asked for, and from when on
  std::list<Question> questions_;
  bool places_changed_ = false;
  std::set<std::string> at_places_;  ///< that somebody works on
  std::list<Wanted> errands_;
  std::size_t at_work_ = 0;

  mutable std::mutex mutex_;
  bool closed_ = false;                                 // under the mutex: nobody is answered any more
  std::map<account::AccountId, std::size_t> attended_;  // under the mutex, for known ones
  std::vector<Waiter*> waiting_;                        // under the mutex
  std::list<Wanted> errands_came_;                      // under the mutex
  std::set<account::AccountId> known_;                  // under the mutex: accounts whose mail is in place,
  account::AccountId newest_ = 0;                       // and of all accounts the newest that was looked for
  bool renewal_wanted_ = false;                         // under the mutex
  TakenPlaces taken_;                                   // under the mutex
};

}  // namespace angarium::agent
