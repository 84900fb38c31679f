#include "agent/caretaker.h"

#include <algorithm>

#include "base/log.h"
#include "delivery/here.h"
#include "envelope/path.h"
#include "io/loop.h"

namespace angarium::agent {
namespace {

/// How often it looks what is due, and for who waits.
constexpr Duration kRound = std::chrono::milliseconds(100);
/// While there is nobody to wait for.
constexpr Duration kIdleRound = std::chrono::seconds(1);
/// How often the accounts are listed anew.
constexpr Duration kRenewal = std::chrono::seconds(30);

}  // namespace

Caretaker::Caretaker(Services& services, RulesInUse rules, std::string home, std::size_t threads)
    : services_(services),
      rules_in_use_(std::move(rules)),
      pool_({.name = "boxes", .threads = threads, .queue = 4096}),
      keeper_(services.mail(), services.tablet(), pool_,
              {.delivery = delivery::with_names({}), .home = std::move(home)}) {}

Caretaker::Attendance::~Attendance() {
  if (caretaker_ == nullptr) return;
  const std::lock_guard lock(caretaker_->mutex_);
  const auto found = caretaker_->attended_.find(account_);
  if (--found->second == 0) caretaker_->attended_.erase(found);
}

io::Task<Caretaker::Attendance> Caretaker::attend(account::AccountId account) {
  Attendance attendance;
  io::CrossThread<> answer;
  {
    const std::lock_guard lock(mutex_);
    if (!known_.contains(account) || closed_) co_return attendance;
    ++attended_[account];
    attendance.caretaker_ = this;
    attendance.account_ = account;
    came_.push_back({account, io::Loop::current().now() + kOpeningWait, answer.completion()});
  }
  (void)co_await answer;
  co_return attendance;
}

io::Task<> Caretaker::run() {
  io::Loop& loop = io::Loop::current();
  while (!stopped_) {
    if (auto renewed = co_await renew(); !renewed)
      log::warning("location", "the accounts are not listed", {{"error", renewed.error().text()}});
    take_waiting();
    const bool quick = begin_due();
    std::erase_if(waiting_, [&](const Waiting& one) { return one.until <= loop.now(); });
    co_await loop.sleep_for(quick || !located_.empty() ? kRound : kIdleRound);
  }
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    came_.clear();
  }
  waiting_.clear();
  while (at_work_ > 0) co_await loop.sleep_for(kRound);
}

/// Which accounts there are, and where their mail lies.
io::Task<Result<>> Caretaker::renew() {
  const Moment now = io::Loop::current().now();
  auto rules = rules_in_use_();
  if (rules == rules_ && (rules->empty() || now < renew_at_)) co_return Result<>();
  std::vector<route::DeliveryRule> lines;
  for (const auto& [key, place] : *rules) lines.push_back({key, place});
  auto map = route::LocationMap::make(lines);
  if (!map) co_return std::unexpected(std::move(map).error());
  std::vector<account::Account> accounts;
  if (!map->empty())
    accounts = CO_TRY(
        co_await io::run(services_.pool(), [&directory = services_.directory()] { return directory.accounts(); }));
  rules_ = std::move(rules);
  renew_at_ = now + kRenewal;
  std::set<account::AccountId> known;
  for (const account::Account& account : accounts) {
    const auto address = envelope::parse_mailbox(account.address);
    auto place = address ? map->decide(*address) : Result<std::optional<location::Location>>(std::nullopt);
    if (!place)
      log::warning("location", "an account has none", {{"account", account.address}, {"error", place.error().text()}});
    if (!place || !*place) continue;
    known.insert(account.id);
    Located& located = located_[account.id];
    if (located.address.empty() || located.location != **place) {
      keeper_.forget(account.id);
      located.due = now;
    }
    located.address = account.address;
    located.location = **std::move(place);
  }
  std::erase_if(located_, [&](const auto& one) { return !known.contains(one.first) && !one.second.busy; });
  const std::lock_guard lock(mutex_);
  known_ = std::move(known);
  co_return Result<>();
}

void Caretaker::take_waiting() {
  std::list<Waiting> came;
  {
    const std::lock_guard lock(mutex_);
    came = std::exchange(came_, {});
  }
  for (Waiting& one : came) {
    const auto found = located_.find(one.account);
    if (found == located_.end()) continue;  // answered by its end
    found->second.due = {};
    found->second.again = found->second.busy;
    waiting_.push_back(std::move(one));
  }
}

/// Whether there is anything to be done soon.
bool Caretaker::begin_due() {
  const Moment now = io::Loop::current().now();
  std::map<account::AccountId, std::size_t> attended;
  {
    const std::lock_guard lock(mutex_);
    attended = attended_;
  }
  for (auto& [account, located] : located_) {
    // Each holds a message or two in memory while it moves them.
    if (at_work_ >= kAccountsAtOnce) break;
    if (located.busy) continue;
    const bool changed = located.changed->exchange(false);
    const Duration pause = attended.contains(account) ? kLookOften : kLookSeldom;
    if (!changed && now < located.due && located.due - now <= pause) continue;
    located.due = now + pause;
    located.busy = true;
    ++at_work_;
    if (!io::Loop::current().spawn(look_at(account))) {
      located.busy = false;
      --at_work_;
    }
  }
  return !waiting_.empty() || at_work_ > 0;
}

io::Task<> Caretaker::look_at(account::AccountId account) {
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
  auto settled = co_await keeper_.settle(account, located.location);
  tell(located, settled);
  // What a settling itself changed is no reason for the next.
  if (located.watch && located.watch->take()) located.changed->store(settled && settled->changed());
  located.busy = false;
  --at_work_;
  if (!located.again) std::erase_if(waiting_, [account](const Waiting& one) { return one.account == account; });
}

void Caretaker::tell(Located& located, const Result<location::Report>& settled) const {
  std::string troubles;
  if (!settled) {
    troubles = settled.error().text();
  } else {
    for (const std::string& line : settled->troubles) troubles += (troubles.empty() ? "" : "; ") + line;
  }
  if (troubles != located.told && !troubles.empty())
    log::warning("location", "boxes are not as the mailboxes are", {{"account", located.address}, {"error", troubles}});
  located.told = std::move(troubles);
  if (settled && settled->changed())
    log::info("location", "settled",
              {{"account", located.address},
               {"brought", std::to_string(settled->brought)},
               {"given", std::to_string(settled->given)},
               {"expunged", std::to_string(settled->expunged)},
               {"removed", std::to_string(settled->removed)},
               {"marked", std::to_string(settled->marked)}});
}

}  // namespace angarium::agent
