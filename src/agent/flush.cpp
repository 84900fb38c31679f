#include "agent/flush.h"

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

io::Task<Result<>> make_due(Services& services, const std::string& destination,
                            const std::vector<queue::DeliveryId>& ids) {
  queue::Queue& queue = services.queue();
  const WallTime now = io::Loop::current().clock().wall();
  std::vector<queue::Job> jobs;
  for (const queue::DeliveryId id : ids) {
    auto claimed = co_await queue.claim(id);
    if (!claimed) continue;  // it is gone, or another look will find what is wrong with it
    for (queue::Job& job : *claimed) {
      const bool late = job.consignment.destination == destination && job.consignment.hold == queue::Hold::none &&
                        job.consignment.place.due > now.microseconds;
      if (late) {
        jobs.push_back(std::move(job));
      } else {
        queue.put_back(job);
      }
    }
  }
  if (jobs.empty()) co_return Result<>();
  store::Batch batch;
  std::vector<queue::Change> changes;
  for (const queue::Job& job : jobs)
    changes.push_back(queue.settle(job, job.consignment.addressees, now, batch, queue::Queue::Attempt::not_made));
  co_return co_await commit_all(services, std::move(batch), std::move(changes), jobs);
}

}  // namespace

io::Task<Result<std::size_t>> flush_destination(Services& services, std::string destination) {
  const WallTime now = io::Loop::current().clock().wall();
  const std::vector<queue::Place> places = CO_TRY(co_await services.queue().waiting(destination, kFlushMax));
  if (places.empty()) co_return std::size_t{0};
  // FUTURERELEASE and pauses of single messages; most wait for the destination alone.
  std::vector<queue::DeliveryId> late;
  for (const queue::Place& place : places) {
    if (place.due <= now.microseconds) continue;
    late.push_back(place.entry);
    if (late.size() < kAtOnce) continue;
    CO_TRY(co_await make_due(services, destination, late));
    late.clear();
  }
  CO_TRY(co_await make_due(services, destination, late));
  store::Batch batch;
  std::vector<queue::Change> changes;
  changes.push_back(services.queue().retry(destination, batch));
  CO_TRY(co_await commit_all(services, std::move(batch), std::move(changes), {}));
  co_return places.size();
}

}  // namespace angarium::agent
