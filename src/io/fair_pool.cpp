#include "io/fair_pool.h"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>

namespace angarium::io {

struct FairPool::Body : std::enable_shared_from_this<Body> {
  using Job = std::move_only_function<void()>;
  struct Party {
    std::deque<Job> jobs;
    std::size_t running = 0;
    bool in_line = false;
  };
  using Parties = std::map<std::string, Party>;

  explicit Body(FairPoolOptions chosen)
      : options(std::move(chosen)), pool({.name = options.name, .threads = options.threads, .queue = options.queue}) {}

  void line_up(Parties::iterator at) {
    Party& party = at->second;
    if (party.in_line || party.jobs.empty() || party.running >= options.share) return;
    party.in_line = true;
    line.push_back(at);
  }

  /// As many as there are threads, each party in its turn. Under the mutex.
  void begin() {
    while (!line.empty() && running < std::max<std::size_t>(1, options.threads)) {
      const Parties::iterator at = line.front();
      line.pop_front();
      Party& party = at->second;
      party.in_line = false;
      Job job = std::move(party.jobs.front());
      party.jobs.pop_front();
      --waiting;
      ++party.running;
      ++running;
      line_up(at);
      // It has room for as many as run, and ends after drop().
      (void)pool.submit([body = shared_from_this(), at, job = std::move(job)]() mutable {
        job();
        job = nullptr;
        body->done(at);
      });
    }
  }

  void done(Parties::iterator at) {
    const std::lock_guard lock(mutex);
    --running;
    --at->second.running;
    line_up(at);
    if (at->second.running == 0 && at->second.jobs.empty()) parties.erase(at);
    begin();
  }

  FairPoolOptions options;
  mutable std::mutex mutex;
  Parties parties;                     // under the mutex: those with jobs,
  std::deque<Parties::iterator> line;  // and of these who may begin another one, in turn
  std::size_t running = 0;             // under the mutex
  std::size_t waiting = 0;             // under the mutex
  bool dropped = false;                // under the mutex
  Pool pool;
};

FairPool::FairPool(FairPoolOptions options) : body_(std::make_shared<Body>(std::move(options))) {}

FairPool::~FairPool() { end(); }

Result<void> FairPool::submit(const std::string& party, std::move_only_function<void()> job) {
  const std::lock_guard lock(body_->mutex);
  Body& body = *body_;
  if (body.dropped) return fail(kBusy, "the pool " + body.options.name + " has ended");
  if (body.waiting >= body.options.queue) return fail(kBusy, "the pool " + body.options.name + " is full");
  const auto at = body.parties.try_emplace(party).first;
  // Beyond its share.
  if (at->second.jobs.size() >= body.options.waiting)
    return fail(kBusy, "too much waits for one party in the pool " + body.options.name);
  at->second.jobs.push_back(std::move(job));
  ++body.waiting;
  body.line_up(at);
  body.begin();
  return {};
}

void FairPool::drop() {
  // Who waits is answered outside the lock.
  std::deque<Body::Job> dropped;
  const std::lock_guard lock(body_->mutex);
  body_->dropped = true;
  body_->line.clear();
  body_->waiting = 0;
  for (auto at = body_->parties.begin(); at != body_->parties.end();) {
    Body::Party& party = at->second;
    std::ranges::move(party.jobs, std::back_inserter(dropped));
    party.jobs.clear();
    party.in_line = false;
    at = party.running == 0 ? body_->parties.erase(at) : std::next(at);
  }
}

void FairPool::end() {
  drop();
  body_->pool.end();
}

std::size_t FairPool::waiting() const {
  const std::lock_guard lock(body_->mutex);
  return body_->waiting;
}

}  // namespace angarium::io
