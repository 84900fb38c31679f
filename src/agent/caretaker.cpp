#include "agent/caretaker.h"

#include <algorithm>

#include "base/log.h"
#include "delivery/here.h"
#include "io/loop.h"

namespace angarium::agent {
namespace {

/// How often it looks what is due, and for who waits.
constexpr Duration kRound = std::chrono::milliseconds(100);
/// While there is nobody to wait for.
constexpr Duration kIdleRound = std::chrono::seconds(1);
/// While the host is asked for homes, unless it takes its time.
constexpr Duration kAskingRound = std::chrono::milliseconds(10);

}  // namespace

/// Somebody who waits for an account's boxes to be looked at; on the loop of who waits.
class Caretaker::Waiter final : public io::Timer {
 public:
  Waiter(Caretaker& caretaker, account::AccountId of, io::Event& event)
      : account(of), enough(event), caretaker_(caretaker) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() override {
    const std::lock_guard lock(caretaker_.mutex_);
    std::erase(caretaker_.waiting_, this);
  }

  account::AccountId account;
  io::Event& enough;   ///< told from the caretaker's loop under its mutex, while this lives
  bool begun = false;  ///< under the mutex: a look was asked for

 private:
  void fire() override { enough.set(); }
  Caretaker& caretaker_;
};

/// One at a time works on an account, and on a place.
class Caretaker::Turn {
 public:
  Turn(Caretaker& caretaker, Located& located) : caretaker_(&caretaker), located_(&located), place_(located.key) {
    located.busy = true;
    ++caretaker.at_work_;
    caretaker.at_places_.insert(place_);
  }
  Turn(Turn&& other) noexcept
      : caretaker_(std::exchange(other.caretaker_, nullptr)),
        located_(other.located_),
        place_(std::move(other.place_)) {}
  Turn& operator=(Turn&&) = delete;
  ~Turn() { end(); }
  void end() {
    if (caretaker_ == nullptr) return;
    located_->busy = false;
    --caretaker_->at_work_;
    caretaker_->at_places_.erase(place_);
    caretaker_ = nullptr;
  }

 private:
  Caretaker* caretaker_;
  Located* located_;
  std::string place_;
};

Caretaker::Caretaker(Services& services, RulesInUse rules, std::string home, std::size_t threads, HostUsersBoxes users)
    : services_(services),
      rules_in_use_(std::move(rules)),
      pool_({.name = "boxes", .threads = threads, .queue = 4096}),
      users_(std::move(users)),
      users_boxes_(users_.attend, services.clock(), users_.patience, users_.slow_threads),
      boxes_({.delivery = delivery::with_names({}), .home = std::move(home)}, users_.attend ? &users_boxes_ : nullptr),
      keeper_(services.mail(), services.tablet(), pool_, boxes_) {}

Caretaker::Attendance::~Attendance() {
  if (caretaker_ == nullptr) return;
  const std::lock_guard lock(caretaker_->mutex_);
  const auto found = caretaker_->attended_.find(account_);
  if (--found->second == 0) caretaker_->attended_.erase(found);
}

io::Task<Caretaker::Attendance> Caretaker::attend(account::AccountId account, io::Event* enough) {
  Attendance attendance;
  io::Event own;
  Waiter waiter(*this, account, enough == nullptr ? own : *enough);
  {
    const std::lock_guard lock(mutex_);
    // Of an account that was made since the last listing nobody knows yet.
    const bool is_new = account > newest_;
    if (closed_ || (!is_new && !known_.contains(account))) co_return attendance;
    renewal_wanted_ = renewal_wanted_ || is_new;
    ++attended_[account];
    attendance.caretaker_ = this;
    attendance.account_ = account;
    waiting_.push_back(&waiter);
  }
  io::Loop& loop = io::Loop::current();
  // Its own: whatever the caretaker waits for.
  loop.timers().set(waiter, loop.now() + kOpeningWait);
  co_await waiter.enough.wait();
  co_return attendance;
}

io::Task<Caretaker::ErrandResult> Caretaker::run_errand(account::AccountId account, Errand errand) {
  io::CrossThread<std::optional<std::string>> answer;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) co_return fail(location::kTrouble, "the server is ending");
    errands_came_.push_back({account, std::move(errand), answer.completion()});
  }
  co_return co_await answer;
}

io::Task<> Caretaker::run() {
  io::Loop& loop = io::Loop::current();
  while (!stopped_) {
    take_wishes();
    auto renewed = co_await renew();
    if (!renewed) log::warning("location", "the accounts are not listed", {{"error", renewed.error().text()}});
    ask_homes();
    share_out();
    take_waiting();
    begin_errands(renewed);
    begin_due();
    co_await loop.sleep_for(pause());
  }
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    errands_came_.clear();
  }
  answer_all();
  errands_.clear();
  questions_.clear();
  const Moment until = loop.now() + kLastLooks;
  while (at_work_ > 0) {
    if (loop.now() >= until) call_off();
    co_await loop.sleep_for(kRound);
  }
}

/// What users' processes are at ends, however long it would take; the next server goes on with it.
void Caretaker::call_off() {
  users_boxes_.end();
  if (users_.call_off) users_.call_off();
}

Duration Caretaker::pause() const {
  const bool asks = !questions_.empty() && io::Loop::current().now() - questions_.back().asked < kIdleRound;
  if (asks) return kAskingRound;
  return located_.empty() && errands_.empty() ? kIdleRound : kRound;
}

/// Who waits for a look that has not begun is answered by one that begins now.
void Caretaker::take_waiting() {
  const std::lock_guard lock(mutex_);
  std::erase_if(waiting_, [this](Waiter* one) {
    // It came since the accounts were listed.
    if (one->account > newest_) return false;
    const auto found = located_.find(one->account);
    if (found == located_.end() || !found->second.is_waited_for()) {
      one->enough.set_from_any_thread();
      return true;
    }
    if (!std::exchange(one->begun, true)) {
      found->second.due = {};
      found->second.again = found->second.busy;
    }
    return false;
  });
}

void Caretaker::answer_waiting(account::AccountId account) {
  const std::lock_guard lock(mutex_);
  std::erase_if(waiting_, [account](Waiter* one) {
    if (one->account != account || !one->begun) return false;
    one->enough.set_from_any_thread();
    return true;
  });
}

void Caretaker::answer_all() {
  const std::lock_guard lock(mutex_);
  for (Waiter* const one : waiting_) one->enough.set_from_any_thread();
  waiting_.clear();
}

/// Whoever wants something has just added the account, or its line, or opens an account that was just made: that is
/// looked at first.
void Caretaker::take_wishes() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(renewal_wanted_, false) || !errands_came_.empty()) renew_at_ = {};
  for (Wanted& one : errands_came_) one.until = io::Loop::current().now() + kErrandWait;
  errands_.splice(errands_.end(), errands_came_);
}

void Caretaker::begin_errands(const Result<>& renewed) {
  const Moment now = io::Loop::current().now();
  for (auto at = errands_.begin(); at != errands_.end();) {
    const auto found = located_.find(at->account);
    Located* const located = found == located_.end() ? nullptr : &found->second;
    const bool has_place = located != nullptr && located->has_place();
    const bool unknown = located != nullptr && (located->is_unheard() || !located->held_up.empty());
    const bool waits = located != nullptr && (located->busy || (unknown && now < at->until) ||
                                              (has_place && at_places_.contains(located->key)));
    if (waits) {
      ++at;
      continue;
    }
    Wanted wanted = std::move(*at);
    at = errands_.erase(at);
    if (has_place)
      io::Loop::current().spawn(do_errand(std::move(wanted), *located->place, Turn(*this, *located)));
    else if (located != nullptr && !located->taken.empty())
      wanted.answer(fail(kPlaceTaken, located->taken));
    else if (located != nullptr && !located->unplaced.empty())
      wanted.answer(fail(location::kTrouble, located->unplaced));
    else if (unknown)
      wanted.answer(fail(location::kTrouble, located->held_up.empty()
                                                 ? "the host does not say where the user is at home"
                                                 : located->held_up));
    else if (!renewed)
      wanted.answer(fail(location::kTrouble, "the accounts cannot be listed now: " + renewed.error().text()));
    else
      wanted.answer(std::nullopt);
  }
}

io::Task<> Caretaker::do_errand(Wanted wanted, location::Location place, Turn turn) {
  Located& located = located_.at(wanted.account);
  auto done = co_await wanted.errand(keeper_, std::move(place));
  // It may have moved in, or out: the next look tells.
  located.due = {};
  turn.end();
  wanted.answer(std::move(done));
}

/// Nobody waits for boxes that are not looked at.
void Caretaker::note_moved_in(account::AccountId account, Located& located, bool moved_in) {
  if (located.moved_in == moved_in) return;
  located.moved_in = moved_in;
  const std::lock_guard lock(mutex_);
  if (moved_in)
    known_.erase(account);
  else
    known_.insert(account);
}

bool Caretaker::is_slow(const Located& located) {
  return !located.place->user.empty() && users_boxes_.is_slow(located.place->user);
}

void Caretaker::begin_due() {
  const Moment now = io::Loop::current().now();
  std::map<account::AccountId, std::size_t> attended;
  {
    const std::lock_guard lock(mutex_);
    attended = attended_;
  }
  // Each holds a message or two in memory while it moves them.
  std::size_t swift = 0;
  std::size_t slow = 0;
  for (const auto& [account, located] : located_)
    if (located.busy) ++(located.place && is_slow(located) ? slow : swift);
  for (auto& [account, located] : located_) {
    // What it is told may be another place, which is nobody's.
    if (located.place && !located.has_place() && located.is_to_be_asked(now)) to_ask_.emplace(located.ask_at, account);
    if (located.busy || !located.has_place() || at_places_.contains(located.key)) continue;
    const Duration pause = attended.contains(account) ? kLookOften : kLookSeldom;
    const bool due = now >= located.due || located.due - now > pause;
    if (!due && !*located.changed) continue;
    const bool is_one_slow = is_slow(located);
    if (is_one_slow ? slow >= kSlowAtOnce : swift >= kAccountsAtOnce) continue;
    ++(is_one_slow ? slow : swift);
    *located.changed = false;
    located.due = now + pause;
    if (located.is_to_be_asked(now)) to_ask_.emplace(located.ask_at, account);
    io::Loop::current().spawn(look_at(account, *located.place, Turn(*this, located)));
  }
}

io::Task<> Caretaker::look_at(account::AccountId account, location::Location place, Turn turn) {
  Located& located = located_.at(account);
  located.again = false;
  if (!located.mail || located.mail->stale()) {
    located.watch.reset();
    if (auto mail = co_await services_.mail().account(account)) {
      located.mail = *std::move(mail);
      located.watch = located.mail->watch(0, [changed = located.changed] { *changed = true; });
    }
  }
  if (located.watch) located.watch->take();
  auto settled = co_await keeper_.settle(account, std::move(place));
  tell(located, settled);
  if (settled) note_moved_in(account, located, settled->moved_in);
  // What a settling itself changed is no reason for the next.
  if (located.watch && located.watch->take()) located.changed->store(settled && settled->changed());
  turn.end();
  if (!located.again) answer_waiting(account);
}

void Caretaker::tell(Located& located, const Result<location::Report>& settled) {
  std::string troubles;
  if (!settled) {
    troubles = settled.error().text();
  } else {
    for (const std::string& line : settled->troubles) troubles += (troubles.empty() ? "" : "; ") + line;
    if (settled->further_troubles > 0) troubles += "; and " + std::to_string(settled->further_troubles) + " more";
    for (const auto& [path, keywords] : settled->keywords_left)
      troubles += (troubles.empty() ? "" : "; ") + path + " has no room for the keywords " + keywords;
    for (const std::string& name : settled->without_box)
      troubles += (troubles.empty() ? "" : "; ") + ("no box there can have the name of mailbox " + name) +
                  ", which is in the own store alone";
  }
  if (troubles != located.told && !troubles.empty())
    log::warning("location", "boxes are not as the mailboxes are",
                 {{"account", located.account.address}, {"error", troubles}});
  located.told = std::move(troubles);
  if (settled && settled->changed())
    log::info("location", "settled",
              {{"account", located.account.address},
               {"brought", std::to_string(settled->brought)},
               {"given", std::to_string(settled->given)},
               {"expunged", std::to_string(settled->expunged)},
               {"removed", std::to_string(settled->removed)},
               {"marked", std::to_string(settled->marked)}});
}

}  // namespace angarium::agent
