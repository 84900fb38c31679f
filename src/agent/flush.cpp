#include "agent/flush.h"

#include <algorithm>
#include <vector>

#include "io/loop.h"

namespace angarium::agent {
namespace {

/// Messages whose consignments are made due by one batch.
constexpr std::size_t kAtOnce = 50;

/// Tells the changes what became of their batch; what was refused is given back.
io::Task<Result<>> commit_all(Services& services, store::Batch batch, std::vector<queue::Change> changes,
                              const std::vector<queue::Job>& jobs) {
  auto outcome = co_await queue::commit(services.tablet(), std::move(batch));
  // After kStopped nobody knows what is in the store: the queue looks itself.
  if (!outcome && outcome.error().is(store::kStopped)) co_return outcome;
  for (queue::Change& change : changes) outcome ? change.done() : change.refused();
  if (!outcome)
    for (const queue::Job& job : jobs) services.queue().put_back(job);
  co_return outcome;
}

/// RFC 4865 §4.2: its sender wants it held back until then. Nobody has tried it, as with all others that wait for a
/// time of their own.
bool is_held_back(const queue::Consignment& consignment) { return consignment.attempts == 0; }

/// How many stay as they are for their senders' sake.
io::Task<Result<std::size_t>> make_due(Services& services, const std::string& destination,
                                       const std::vector<queue::DeliveryId>& ids) {
  queue::Queue& queue = services.queue();
  const WallTime now = io::Loop::current().clock().wall();
  std::vector<queue::Job> jobs;
  std::size_t held_back = 0;
  for (const queue::DeliveryId id : ids) {
    auto claimed = co_await queue.claim(id);
    if (!claimed) continue;  // it is gone, or another look will find what is wrong with it
    for (queue::Job& job : *claimed) {
      const bool late = job.consignment.destination == destination && job.consignment.hold == queue::Hold::none &&
                        job.consignment.place.due > now.microseconds;
      if (late && is_held_back(job.consignment)) {
        ++held_back;
        queue.put_back(job);
      } else if (late) {
        jobs.push_back(std::move(job));
      } else {
        queue.put_back(job);
      }
    }
  }
  if (jobs.empty()) co_return held_back;
  store::Batch batch;
  std::vector<queue::Change> changes;
  for (const queue::Job& job : jobs)
    changes.push_back(queue.settle(job, job.consignment.addressees, now, batch, queue::Queue::Attempt::not_made));
  CO_TRY(co_await commit_all(services, std::move(batch), std::move(changes), jobs));
  co_return held_back;
}

}  // namespace

io::Task<Result<std::size_t>> flush_destination(Services& services, std::string destination) {
  const WallTime now = io::Loop::current().clock().wall();
  const std::vector<queue::Place> places = CO_TRY(co_await services.queue().waiting(destination, kFlushMax));
  if (places.empty()) co_return std::size_t{0};
  // Pauses of single messages, and FUTURERELEASE; most wait for the destination alone.
  std::vector<queue::DeliveryId> late;
  std::size_t held_back = 0;
  for (const queue::Place& place : places) {
    if (place.due <= now.microseconds) continue;
    if (!late.empty() && late.back() == place.entry) continue;  // another of its consignments: claimed with it
    late.push_back(place.entry);
    if (late.size() < kAtOnce) continue;
    held_back += CO_TRY(co_await make_due(services, destination, late));
    late.clear();
  }
  held_back += CO_TRY(co_await make_due(services, destination, late));
  const std::size_t others = places.size() - std::min(held_back, places.size());
  if (others == 0) co_return others;
  services.sites().end_pauses(destination);
  store::Batch batch;
  std::vector<queue::Change> changes;
  changes.push_back(services.queue().retry(destination, batch));
  CO_TRY(co_await commit_all(services, std::move(batch), std::move(changes), {}));
  co_return others;
}

}  // namespace angarium::agent
