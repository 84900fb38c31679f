// One attempt: a consignment is taken, and what came of it is written.
#include <algorithm>

#include "base/log.h"
#include "queue/limits.h"
#include "queue/record.h"
#include "queue/spool.h"

namespace angarium::queue {

io::Task<Result<std::optional<Job>>> Spool::take(std::string name) {
  while (true) {
    std::optional<Place> picked;
    Count count = Count::no;
    std::shared_ptr<Held> of_entry;
    std::uint64_t looks = 0;
    bool known_backoff = false;
    std::size_t limit = kWindow;
    std::int64_t upto = 0;
    {
      const std::lock_guard lock(mutex_);
      Destination& from = destination(name);
      known_backoff = from.backoff_read;
      if (known_backoff) {
        if (from.waits(now()) || (from.ready.empty() && from.complete)) {
          forget(name);
          co_return std::optional<Job>();
        }
        if (!from.ready.empty()) {
          auto node = from.ready.extract(from.ready.begin());
          picked = node.key();
          of_entry = node.mapped() ? std::move(node.mapped()) : held(picked->entry);
          count = of_entry->counted || of_entry->uncountable ? Count::no : Count::yes;
          from.in_hand.insert(*picked);
        }
        looks = from.looks;
        if (!picked && std::exchange(from.reached_counts, false)) upto = from.reached;
        limit += from.in_hand.size();
      }
    }
    if (!known_backoff) {
      CO_TRY(co_await read_backoffs({name}));
      continue;
    }
    if (!picked) {
      const DueNow due =
          CO_TRY(co_await read([&tablet = tablet_, name, at = std::max(now().microseconds, upto),
                                limit](store::Tier tier) { return read_due(tablet, name, at, limit, tier); }));
      const std::lock_guard lock(mutex_);
      fill(destination(name), due, looks);
      continue;
    }
    auto loaded = co_await read([&tablet = tablet_, name, place = *picked, count](store::Tier tier) {
      return load(tablet, name, place, count, tier);
    });
    const std::lock_guard lock(mutex_);
    if (!loaded) {
      const bool damaged = loaded.error().is(kDamagedRecord);
      // What cannot be read is left where it is, for a person to look at; a store that does not answer is asked again.
      if (damaged) {
        log::error("queue", "a message cannot be read",
                   {{"id", picked->entry.text()}, {"error", loaded.error().text()}});
        continue;
      }
      destination(name).in_hand.erase(*picked);
      make_ready(name, *picked, of_entry);
      co_return std::unexpected(std::move(loaded).error());
    }
    if (!loaded->consignment) {
      destination(name).in_hand.erase(*picked);  // it was done when it was looked for
      continue;
    }
    if (count == Count::yes) of_entry->count(loaded->of_entry);
    co_return std::optional<Job>(
        Job{.entry = std::move(loaded->entry), .consignment = *std::move(loaded->consignment), .held = of_entry});
  }
}

void Spool::fill(Destination& into, const DueNow& due, std::uint64_t looks) {
  bool all = due.all;
  for (const Place& place : due.places) {
    if (into.in_hand.contains(place)) continue;
    if (into.ready.size() >= kWindow) {
      all = false;
      break;
    }
    into.ready.try_emplace(place);
  }
  // Something may have come or become due since.
  into.complete = all && into.looks == looks;
  into.later = due.next.value_or(INT64_MAX);
  if (due.next) due_at(*due.next);
}

void Spool::erase_entry(const Entry& entry, store::Batch& batch) {
  batch.erase(entry_key(entry.id));
  batch.erase(event_key(entry.expires, entry.id));
  if (entry.notice) batch.erase(event_key(*entry.notice, entry.id));
}

Change Spool::move(const Job& job, Consignment to, store::Batch& batch, std::size_t ending) {
  const std::string& name = job.consignment.destination;
  const bool owed = !to.addressees.empty();
  batch.erase(consignment_key(name, job.consignment.place));
  batch.erase(due_key(name, job.consignment.place));
  bool last = false;
  if (owed) {
    batch.put(consignment_key(name, to.place), encode(to));
    batch.put(whereabouts_key(to.place.entry, name, to.place.part), encode_whereabouts(to.place));
    if (to.hold == Hold::none) batch.put(due_key(name, to.place), "");
  } else {
    batch.erase(whereabouts_key(job.consignment.place.entry, name, job.consignment.place.part));
    {
      const std::lock_guard lock(mutex_);
      last = job.held->counted && job.held->left <= ending;
    }
    if (last) erase_entry(*job.entry, batch);
  }
  return change([this, job, place = to.place, owed, last](Told how) {
    {
      const std::lock_guard lock(mutex_);
      moved(job, place, owed, last, how);
    }
    if (how == Told::done) wake();
  });
}

void Spool::moved(const Job& job, const Place& to, bool owed, bool erased, Told how) {
  if (how == Told::refused) return;
  if (how == Told::unknown) return doubt(job.consignment.destination, &job);
  const std::string& name = job.consignment.destination;
  destination(name).in_hand.erase(job.consignment.place);
  ++job.held->moves;
  if (!owed) {
    ended(job, erased);
  } else if (to.rank != kHeldRank) {
    if (to.due > now().microseconds) {
      due_at(to.due);
    } else {
      make_ready(name, to, job.held);
    }
  }
  forget(name);
}

void Spool::ended(const Job& job, bool erased) {
  const std::uint64_t id = job.consignment.place.entry.bits();
  job.held->left -= std::min<std::size_t>(job.held->left, 1);
  if (erased) {
    held_.erase(id);
  } else if (!job.held->counted || job.held->left == 0) {
    orphans_.try_emplace(id, job.entry);
  }
}

Change Spool::settle(const Job& job, std::vector<Addressee> owed, WallTime due, store::Batch& batch, Attempt attempt) {
  Consignment to = job.consignment;
  to.addressees = std::move(owed);
  to.attempts += attempt == Attempt::made ? 1 : 0;
  to.place.due = due.microseconds;
  return move(job, std::move(to), batch);
}

void Spool::put_back(const Job& job) {
  {
    const std::lock_guard lock(mutex_);
    const Place& place = job.consignment.place;
    Destination& there = destination(job.consignment.destination);
    there.in_hand.erase(place);
    if (job.consignment.hold == Hold::none) {
      if (place.due > std::max(now().microseconds, there.reached)) {
        due_at(place.due);
      } else {
        make_ready(job.consignment.destination, place, job.held);
      }
    }
    forget(job.consignment.destination);
  }
  wake();
}

}  // namespace angarium::queue
