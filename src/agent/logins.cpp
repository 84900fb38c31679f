#include "agent/logins.h"

#include "base/log.h"

namespace angarium::agent {

std::uint64_t Logins::now() {
  const std::lock_guard lock(mutex_);
  return count_;
}

Logins::Stay Logins::enter(account::AccountId account, Way way, std::uint64_t since, Ends ends) {
  auto place = std::make_shared<Place>(
      Place{.loop = &io::Loop::current(), .account = account, .way = std::move(way), .ends = std::move(ends)});
  const std::lock_guard lock(mutex_);
  const auto at = withdrawn_.find(account);
  if (since < (at == withdrawn_.end() ? forgotten_ : at->second)) return {};
  place->at = inside_.emplace(account, place);
  if (const auto until = place->way.until) place->due = due_.emplace(*until, place);
  return {*this, std::move(place)};
}

void Logins::leave(Place& place) {
  place.left = true;
  const std::lock_guard lock(mutex_);
  inside_.erase(place.at);
  if (place.due) due_.erase(*place.due);
}

void Logins::withdraw(const account::Withdrawal& withdrawal) {
  std::vector<std::shared_ptr<Place>> concerned;
  {
    const std::lock_guard lock(mutex_);
    if (withdrawn_.size() >= kWithdrawnMax) {
      withdrawn_.clear();
      forgotten_ = count_ + 1;
    }
    withdrawn_[withdrawal.account] = ++count_;
    const auto [begin, end] = inside_.equal_range(withdrawal.account);
    for (auto at = begin; at != end; ++at)
      if (ends(withdrawal, at->second->way)) concerned.push_back(at->second);
  }
  if (!concerned.empty())
    log::info("agent", "sessions end: what let them in was withdrawn",
              {{"account", withdrawal.account}, {"sessions", std::uint64_t{concerned.size()}}});
  end(std::move(concerned));
}

void Logins::end_expired(WallTime now) {
  std::vector<std::shared_ptr<Place>> over;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = due_.begin(); at != due_.end() && at->first <= now; at = due_.erase(at)) {
      at->second->due.reset();
      over.push_back(at->second);
    }
  }
  if (!over.empty())
    log::info("agent", "sessions end: the day of their app passwords is over",
              {{"sessions", std::uint64_t{over.size()}}});
  end(std::move(over));
}

void Logins::end(std::vector<std::shared_ptr<Place>> places) {
  for (auto& place : places) {
    io::Loop& loop = *place->loop;
    loop.post([held = std::move(place)] {
      if (held->left) return;
      held->ends.ask();
      io::Loop::current().spawn(cut_later(held));
    });
  }
}

/// Who does not read, or stays amid a command, is not waited for.
io::Task<> Logins::cut_later(std::shared_ptr<Place> place) {
  io::Loop& loop = io::Loop::current();
  const Moment until = loop.now() + kFarewellPatience;
  // Short sleeps, so that draining is not held up.
  while (!place->left && !loop.draining() && loop.now() < until) co_await loop.sleep_for(std::chrono::seconds(1));
  if (!place->left && !loop.draining()) place->ends.cut();
}

}  // namespace angarium::agent
