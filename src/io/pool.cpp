#include "io/pool.h"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace angarium::io {

struct Pool::Body {
  using Job = std::move_only_function<void()>;

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return ending || !jobs.empty(); });
      if (ending) return;
      Job job = std::move(jobs.front());
      jobs.pop_front();
      lock.unlock();
      job();
      job = nullptr;  // what it holds may answer a loop: not under the lock
      lock.lock();
    }
  }

  /// Without threads: the next job, on a loop.
  void work_once() {
    Job job;
    {
      std::lock_guard lock(mutex);
      if (jobs.empty()) return;  // the pool has ended
      job = std::move(jobs.front());
      jobs.pop_front();
    }
    job();
  }

  PoolOptions options;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<Job> jobs;
  bool ending = false;
  std::vector<std::thread> threads;
};

Pool::Pool(PoolOptions options) : body_(std::make_shared<Body>()) {
  body_->options = std::move(options);
  for (std::size_t i = 0; i < body_->options.threads; ++i) {
    auto& thread = body_->threads.emplace_back([body = body_.get()] { body->work(); });
    pthread_setname_np(thread.native_handle(), body_->options.name.substr(0, 15).c_str());
  }
}

Pool::~Pool() { end(); }

void Pool::end() {
  std::deque<Body::Job> dropped;
  {
    std::lock_guard lock(body_->mutex);
    body_->ending = true;
    dropped.swap(body_->jobs);
  }
  body_->changed.notify_all();
  for (auto& thread : body_->threads)
    if (thread.joinable()) thread.join();
}

Result<void> Pool::submit(std::move_only_function<void()> job) {
  {
    std::lock_guard lock(body_->mutex);
    if (body_->ending) return fail(kBusy, "the pool " + body_->options.name + " has ended");
    if (body_->jobs.size() >= body_->options.queue) return fail(kBusy, "the pool " + body_->options.name + " is full");
    body_->jobs.push_back(std::move(job));
  }
  if (body_->options.threads == 0) {
    Loop::current().post([body = body_] { body->work_once(); });
  } else {
    body_->changed.notify_one();
  }
  return {};
}

std::size_t Pool::waiting() const {
  std::lock_guard lock(body_->mutex);
  return body_->jobs.size();
}

}  // namespace angarium::io
