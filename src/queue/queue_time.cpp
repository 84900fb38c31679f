// What becomes due.
#include <algorithm>

#include "queue/limits.h"
#include "queue/spool.h"

namespace angarium::queue {

io::Task<Result<>> Spool::gather() {
  CO_TRY(co_await clear_orphans());
  while (CO_TRY(co_await gather_page())) {
  }
  co_return Result<>();
}

void Spool::doubt(const std::string& name, const Job* job) {
  doubts_.push_back({.when = {now().microseconds + kLookInterval.count()},
                     .destination = name,
                     .in_hand = job == nullptr ? std::nullopt : std::optional(job->consignment.place),
                     .held = job == nullptr ? nullptr : job->held});
}

/// A tablet that runs has no answers outstanding from before it stopped: what it holds is what counts.
void Spool::clear_doubts(WallTime upto) {
  if (!tablet_.running()) return;
  std::erase_if(doubts_, [&](const Doubt& doubt) {
    if (doubt.when > upto) return false;
    if (doubt.in_hand) destination(doubt.destination).in_hand.erase(*doubt.in_hand);
    if (doubt.held) doubt.held->counted = false;
    look_again(doubt.destination);
    return true;
  });
}

io::Task<Result<bool>> Spool::gather_page() {
  std::string from;
  const std::int64_t upto = now().microseconds;
  {
    const std::lock_guard lock(mutex_);
    // The civil clock was set back: everything is looked at again.
    if (looked_at_ > upto) cursor_ = due_from(0);
    from = cursor_;
    clear_doubts({upto});
  }
  const Times times = CO_TRY(
      co_await io::run(pool_, [&tablet = tablet_, from, upto] { return read_times(tablet, from, upto, kLook); }));
  std::vector<std::string> unread;
  {
    const std::lock_guard lock(mutex_);
    for (const Times::One& one : times.passed) {
      const Destination* const there = known(one.due.destination);
      const bool read = there != nullptr && there->backoff_read;
      if (!read && (unread.empty() || unread.back() != one.due.destination)) unread.push_back(one.due.destination);
    }
  }
  if (!unread.empty()) CO_TRY(co_await read_backoffs(unread));
  store::Batch batch;
  for (const std::string& key : sort_out(times, upto)) batch.erase(key);
  if (!batch.empty()) CO_TRY(co_await commit(std::move(batch)));
  co_return times.passed.size() == kLook;
}

/// Wakes the destinations whose time has come. The keys of those that may not be tried yet are given back: each of them
/// has a time of its own in the store, which is enough for all of its consignments.
std::vector<std::string> Spool::sort_out(const Times& times, std::int64_t upto) {
  std::vector<std::string> superfluous;
  const std::lock_guard lock(mutex_);
  for (const Times::One& one : times.passed) {
    if (destination(one.due.destination).waits({upto})) {
      superfluous.push_back(one.key);
    } else {
      look_again(one.due.destination);
    }
  }
  const bool more = times.passed.size() == kLook;
  cursor_ = more ? times.passed.back().key + '\0' : due_from(upto + 1);
  looked_at_ = upto;
  // A time that was put meanwhile was not read.
  const std::int64_t put = next_ > upto ? next_ : INT64_MAX;
  next_ = more ? upto : std::min(times.next.value_or(INT64_MAX), put);
  return superfluous;
}

io::Task<Result<>> Spool::clear_orphans() {
  std::vector<Entry> orphans;
  {
    const std::lock_guard lock(mutex_);
    orphans.swap(orphans_);
  }
  if (orphans.empty()) co_return Result<>();
  store::Batch batch;
  for (const Entry& entry : orphans) erase_entry(entry, batch);
  auto outcome = co_await commit(std::move(batch));
  if (!outcome) {
    const std::lock_guard lock(mutex_);
    orphans_.insert(orphans_.end(), orphans.begin(), orphans.end());
  }
  co_return outcome;
}

io::Task<Result<std::vector<DeliveryId>>> Spool::overdue(std::size_t limit) {
  Events events = CO_TRY(
      co_await io::run(pool_, [&tablet = tablet_, at = now(), limit] { return read_events(tablet, at, limit); }));
  if (!events.stale.empty()) {
    store::Batch batch;
    for (const std::string& key : events.stale) batch.erase(key);
    CO_TRY(co_await commit(std::move(batch)));
  }
  co_return std::move(events.entries);
}

void Spool::noticed(const Entry& entry, store::Batch& batch) {
  if (entry.notice) batch.erase(event_key(*entry.notice, entry.id));
}

void Spool::postpone(const Entry& entry, WallTime until, store::Batch& batch) {
  batch.erase(event_key(entry.expires, entry.id));
  batch.put(event_key(until, entry.id), "");
}

}  // namespace angarium::queue
