// What becomes due.
#include <algorithm>

#include "queue/limits.h"
#include "queue/spool.h"

namespace angarium::queue {

io::Task<Result<>> Spool::gather() {
  auto outcome = co_await look();
  const std::lock_guard lock(mutex_);
  // A store that does not answer is not asked again at once.
  not_before_ = outcome ? 0 : now().microseconds + kFailedLook.count();
  co_return outcome;
}

io::Task<Result<>> Spool::look() {
  CO_TRY(co_await settle_doubts());
  CO_TRY(co_await clear_orphans());
  while (CO_TRY(co_await gather_page())) {
  }
  co_return co_await end_overtaken();
}

/// Their own times are far ahead, and those of what waits for them may have been given back.
io::Task<Result<>> Spool::end_overtaken() {
  while (!overtaken_.empty()) {
    Overtaken found = CO_TRY(co_await io::run(
        pool_, [&tablet = tablet_, from = overtaken_, at = now()] { return read_overtaken(tablet, from, at, kLook); }));
    const std::lock_guard lock(mutex_);
    for (const Overtaken::One& one : found.all) {
      look_again(one.destination);
      Destination& there = destination(one.destination);
      there.reached = std::max(there.reached, one.failed.microseconds);
      there.reached_counts = true;
    }
    overtaken_ = std::move(found.next);
  }
  co_return Result<>();
}

void Spool::doubt(const std::string& name, const Job* job) {
  doubts_.push_back({.when = {now().microseconds + kLookInterval.count()},
                     .destination = name,
                     .in_hand = job == nullptr ? std::nullopt : std::optional(*job)});
}

/// A tablet that takes a batch has answered all that were enqueued before it: what it then holds is what counts.
io::Task<Result<>> Spool::settle_doubts() {
  std::vector<Doubt> due;
  {
    const std::lock_guard lock(mutex_);
    const WallTime upto = now();
    const WallTime again{upto.microseconds + kLookInterval.count()};
    const bool running = tablet_.running();
    std::erase_if(doubts_, [&](Doubt& doubt) {
      const bool passed = doubt.when <= upto;
      // The civil clock may have been set back since.
      if (!passed || !running) doubt.when = passed ? again : std::min(doubt.when, again);
      if (!passed || !running) return false;
      due.push_back(std::move(doubt));
      return true;
    });
  }
  if (due.empty()) co_return Result<>();
  store::Batch nothing;
  nothing.erase(kind_prefix(RecordKind::due));
  auto outcome = co_await commit(std::move(nothing));
  const std::lock_guard lock(mutex_);
  for (Doubt& doubt : due) {
    if (!outcome) {
      doubt.when = {now().microseconds + kLookInterval.count()};
      doubts_.push_back(std::move(doubt));
      continue;
    }
    Destination& one = destination(doubt.destination);
    if (const auto& job = doubt.in_hand) {
      one.in_hand.erase(job->consignment.place);
      ++job->held->moves;
      job->held->counted = false;
      job->held->uncountable = true;
      orphans_.try_emplace(job->entry->id.bits(), job->entry);
    }
    one.backoff_read = false;
    one.backoff.reset();
    look_again(doubt.destination);
  }
  co_return outcome;
}

io::Task<Result<bool>> Spool::gather_page() {
  std::string from;
  const std::int64_t upto = now().microseconds;
  {
    const std::lock_guard lock(mutex_);
    // The civil clock was set back: everything is looked at again.
    if (looked_at_ > upto) {
      cursor_ = due_from(0);
      set_back_ = true;
      if (looked_at_ - upto > kLookInterval.count()) overtaken_ = kind_prefix(RecordKind::backoff);
    }
    from = cursor_;
    put_ = INT64_MAX;
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
    Destination& there = destination(one.due.destination);
    if (there.waits({upto}) && !one.due.of_backoff) {
      superfluous.push_back(one.key);
      // What is known in memory may not have it yet: rest() must look before it takes the back-off away.
      incomplete(there);
      forget(one.due.destination);
      continue;
    }
    // The time of another back-off than the one known: the store knows which is true.
    if (there.waits({upto})) {
      there.backoff_read = false;
      there.backoff.reset();
    }
    look_again(one.due.destination);
  }
  const bool more = times.passed.size() == kLook;
  cursor_ = more ? times.passed.back().key + '\0' : due_from(upto + 1);
  looked_at_ = upto;
  next_ = more ? upto : times.next.value_or(INT64_MAX);
  // A time that was put meanwhile was not read.
  if (put_ != INT64_MAX) due_at(put_);
  return superfluous;
}

io::Task<Result<>> Spool::clear_orphans() {
  std::unordered_map<std::uint64_t, EntryPtr> orphans;
  {
    const std::lock_guard lock(mutex_);
    orphans.swap(orphans_);
  }
  if (orphans.empty()) co_return Result<>();
  // No consignment comes to an entry: one that has none in the store never will.
  auto outcome = co_await io::run(pool_, [&tablet = tablet_, orphans]() -> Result<std::vector<EntryPtr>> {
    std::vector<EntryPtr> over;
    for (const auto& [bits, entry] : orphans)
      if (!TRY(has_consignments(tablet, entry->id))) over.push_back(entry);
    return over;
  });
  Result<> cleared;
  if (!outcome) {
    cleared = std::unexpected(std::move(outcome).error());
  } else if (!outcome->empty()) {
    store::Batch batch;
    for (const EntryPtr& entry : *outcome) erase_entry(*entry, batch);
    cleared = co_await commit(std::move(batch));
  }
  if (!cleared) {
    const std::lock_guard lock(mutex_);
    orphans_.merge(orphans);
  }
  co_return cleared;
}

io::Task<Result<std::vector<DeliveryId>>> Spool::overdue(std::size_t limit) {
  Events events = CO_TRY(
      co_await io::run(pool_, [&tablet = tablet_, at = now(), limit] { return read_events(tablet, at, limit); }));
  if (!events.stale.empty()) {
    store::Batch batch;
    for (const std::string& key : events.stale) batch.erase(key);
    CO_TRY(co_await commit(std::move(batch)));
  }
  const std::lock_guard lock(mutex_);
  passed_events_ = std::move(events.passed);
  co_return std::move(events.entries);
}

void Spool::noticed(const Entry& entry, store::Batch& batch) {
  if (entry.notice) batch.erase(event_key(*entry.notice, entry.id));
}

void Spool::postpone(const Entry& entry, WallTime until, store::Batch& batch) {
  batch.erase(event_key(entry.expires, entry.id));
  const std::string notice = entry.notice ? event_key(*entry.notice, entry.id) : std::string();
  {
    const std::lock_guard lock(mutex_);
    // It may have been postponed before.
    if (const auto passed = passed_events_.find(entry.id.bits()); passed != passed_events_.end())
      for (const std::string& key : passed->second)
        if (key != notice) batch.erase(key);
  }
  batch.put(event_key(until, entry.id), "");
}

}  // namespace angarium::queue
