// Destinations that cannot be reached, and those that have nothing to do.
#include "queue/limits.h"
#include "queue/record.h"
#include "queue/spool.h"

namespace angarium::queue {

io::Task<Result<>> Spool::read_backoffs(const std::vector<std::string>& names) {
  using Read = std::vector<std::optional<Backoff>>;
  Read all = CO_TRY(co_await read([&tablet = tablet_, names](store::Tier tier) -> Result<Read> {
    Read found;
    for (const std::string& name : names) {
      auto backoff = read_backoff(tablet, name, tier);
      // Without it the destination is tried, which makes it anew.
      if (!backoff && backoff.error().is(kDamagedRecord)) backoff = std::optional<Backoff>();
      found.push_back(TRY(std::move(backoff)));
    }
    return found;
  }));
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < names.size(); ++i) {
    Destination& one = destination(names[i]);
    if (!std::exchange(one.backoff_read, true)) one.backoff = std::move(all[i]);
  }
  co_return Result<>();
}

std::optional<Backoff> Spool::backoff(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const Destination* const one = known(name);
  return one == nullptr ? std::nullopt : one->backoff;
}

Change Spool::back_off(std::string name, Backoff backoff, store::Batch& batch) {
  // The civil clock may have been set back since the first failure.
  backoff.since = std::min(backoff.since, now());
  backoff.trouble.at = std::min(backoff.trouble.at, now());
  batch.put(backoff_key(name), encode(backoff));
  batch.put(due_key(name, backoff.next), "");
  std::optional<Backoff> before = this->backoff(name);
  if (before && before->next != backoff.next) batch.erase(due_key(name, before->next));
  return change([this, name = std::move(name), backoff = std::move(backoff)](Told how) {
    if (how == Told::refused) return;
    const std::lock_guard lock(mutex_);
    if (how == Told::unknown) return doubt(name, nullptr);
    Destination& one = destination(name);
    one.backoff_read = true;
    one.backoff = backoff;
    due_at(backoff.next.microseconds);
    forget(name);
  });
}

void Spool::reached(std::string_view name) {
  const std::lock_guard lock(mutex_);
  Destination* const one = known(name);
  // What stands in the store stays until nothing is due any more: other consignments may rely on its time alone.
  if (one != nullptr && one->backoff) one->backoff->failures = one->backoff->forgiven = 0;
}

io::Task<Result<bool>> Spool::rest(std::string name) {
  std::optional<Backoff> over;
  std::int64_t later = INT64_MAX;
  {
    const std::lock_guard lock(mutex_);
    Destination& one = destination(name);
    if (one.waits(now())) {
      leave_to_backoff(one);
      one.announced = false;
      forget(name);
      co_return true;
    }
    if (!one.ready.empty() || !one.complete) co_return false;
    // From here on nobody gives back a time that relies on it.
    if (one.in_hand.empty()) over = std::exchange(one.backoff, std::nullopt);
    // Its own time may have been given back while the clock was ahead.
    if (set_back_ || one.later <= looked_at_) later = one.later;
  }
  if (over || later != INT64_MAX) {
    store::Batch batch;
    if (over) {
      batch.erase(backoff_key(name));
      batch.erase(due_key(name, over->next));
    }
    if (later != INT64_MAX) batch.put(due_key(name, WallTime{later}), "");
    auto outcome = co_await commit(std::move(batch));
    if (!outcome) {
      const std::lock_guard lock(mutex_);
      Destination& one = destination(name);
      if (over && !one.backoff) one.backoff = std::move(over);
      co_return std::unexpected(std::move(outcome).error());
    }
  }
  const std::lock_guard lock(mutex_);
  Destination& one = destination(name);
  if (!one.ready.empty() || !one.complete) co_return false;
  one.announced = false;
  forget(name);
  co_return true;
}

}  // namespace angarium::queue
