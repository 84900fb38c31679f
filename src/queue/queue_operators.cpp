// What people ask of the queue.
#include "base/log.h"
#include "queue/record.h"
#include "queue/spool.h"

namespace angarium::queue {
namespace {

constexpr DeliveryId kLastId{~std::uint64_t{0}};

}  // namespace

Whole Spool::whole(Found found) {
  Whole whole{.entry = std::move(found.entry), .parts = {}};
  for (Consignment& one : found.consignments) {
    const Destination* const there = known(one.destination);
    const bool in_hand = there != nullptr && there->in_hand.contains(one.place);
    whole.parts.push_back({std::move(one), in_hand});
  }
  return whole;
}

io::Task<Result<Whole>> Spool::find(DeliveryId id) {
  Found found = CO_TRY(co_await io::run(pool_, [&tablet = tablet_, id] { return queue::find(tablet, id); }));
  const std::lock_guard lock(mutex_);
  co_return whole(std::move(found));
}

io::Task<Result<std::vector<Job>>> Spool::claim(DeliveryId id) {
  while (true) {
    std::shared_ptr<Held> of_entry;
    std::uint64_t moves = 0;
    {
      const std::lock_guard lock(mutex_);
      of_entry = held(id);
      moves = of_entry->moves;
    }
    Found found = CO_TRY(co_await io::run(pool_, [&tablet = tablet_, id] { return queue::find(tablet, id); }));
    const std::lock_guard lock(mutex_);
    // Somebody changed one of them meanwhile: what was read is old.
    if (of_entry->moves != moves) continue;
    of_entry->count(found.consignments.size());
    std::vector<Job> jobs;
    for (Consignment& one : found.consignments) {
      Destination& there = destination(one.destination);
      if (!there.in_hand.insert(one.place).second) continue;
      there.ready.erase(one.place);
      jobs.push_back({.entry = found.entry, .consignment = std::move(one), .held = of_entry});
    }
    co_return jobs;
  }
}

io::Task<Result<std::vector<Whole>>> Spool::list(DeliveryId from, std::size_t limit) {
  std::vector<Found> all =
      CO_TRY(co_await io::run(pool_, [&tablet = tablet_, from, limit]() -> Result<std::vector<Found>> {
        std::vector<Found> read;
        // Some may be gone since they were listed: those behind them come instead.
        for (DeliveryId next = from; read.size() < limit;) {
          const std::vector<DeliveryId> ids = TRY(queue::list(tablet, next, limit - read.size()));
          for (const DeliveryId id : ids) {
            auto found = queue::find(tablet, id);
            if (found) {
              read.push_back(*std::move(found));
            } else if (found.error().is(kDamagedRecord)) {
              log::error("queue", "a message cannot be read", {{"id", id.text()}, {"error", found.error().text()}});
            } else if (!found.error().is(kNotQueued)) {
              return std::unexpected(std::move(found).error());
            }
          }
          if (ids.empty() || ids.back() == kLastId) break;
          next = DeliveryId(ids.back().bits() + 1);
        }
        return read;
      }));
  std::vector<Whole> wholes;
  const std::lock_guard lock(mutex_);
  for (Found& found : all) wholes.push_back(whole(std::move(found)));
  co_return wholes;
}

Change Spool::hold(const Job& job, Hold hold, store::Batch& batch) {
  Consignment to = job.consignment;
  to.hold = hold;
  to.place.rank = hold == Hold::none ? to.rank : kHeldRank;
  if (hold == Hold::none) to.place.due = now().microseconds;
  return move(job, std::move(to), batch);
}

std::vector<Change> Spool::remove(const std::vector<Job>& jobs, store::Batch& batch) {
  std::vector<Change> changes;
  for (const Job& job : jobs) {
    Consignment none = job.consignment;
    none.addressees.clear();
    changes.push_back(move(job, std::move(none), batch, changes.size() + 1));
  }
  return changes;
}

io::Task<Result<std::optional<Backoff>>> Spool::find_backoff(std::string name) {
  co_return co_await io::run(pool_, [&tablet = tablet_, name] { return read_backoff(tablet, name, store::Tier::any); });
}

io::Task<Result<std::vector<Place>>> Spool::waiting(std::string name, std::size_t limit) {
  co_return co_await io::run(pool_, [&tablet = tablet_, name, limit]() -> Result<std::vector<Place>> {
    return TRY(read_due(tablet, name, INT64_MAX, limit, store::Tier::any)).places;
  });
}

Change Spool::retry(std::string name, store::Batch& batch) {
  std::optional<Backoff> before = backoff(name);
  if (!before) {
    before.emplace();
    before->since = now();
  }
  // It is tried as one of which nothing is known; how long it is not reached stays known.
  before->forgiven = before->failures;
  Backoff next = *before;
  next.next = now();
  Change inner = back_off(name, next, batch);
  return change([this, inner = std::move(inner), name = std::move(name)](Told how) mutable {
    if (how == Told::refused) return inner.refused();
    if (how == Told::done) inner.done();
    if (how == Told::unknown) return;
    {
      const std::lock_guard lock(mutex_);
      look_again(name);
    }
    wake();
  });
}

Queue::InMemory Spool::in_memory() {
  const std::lock_guard lock(mutex_);
  return {.destinations = destinations_.size(), .entries = held_.size()};
}

}  // namespace angarium::queue
