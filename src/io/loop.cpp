#include "io/loop.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/log.h"

namespace angarium::io {
namespace {

thread_local Loop* current_loop = nullptr;
thread_local WakeOnce* current_wake_once = nullptr;

/// Posted work that owns itself.
class PostedFunction final : public Posted {
 public:
  explicit PostedFunction(std::move_only_function<void()> work) : work_(std::move(work)) {}

 private:
  void run() override {
    std::unique_ptr<PostedFunction> self(this);
    work_();
  }
  void discard() noexcept override { delete this; }

  std::move_only_function<void()> work_;
};

}  // namespace

void Resumption::leave() noexcept {
  if (!loop_) return;
  (previous_ ? previous_->next_ : loop_->first_ready_) = next_;
  (next_ ? next_->previous_ : loop_->last_ready_) = previous_;
  --loop_->ready_count_;
  loop_ = nullptr;
  next_ = previous_ = nullptr;
}

WakeOnce::WakeOnce() : outer_(std::exchange(current_wake_once, this)) {}

WakeOnce::~WakeOnce() {
  current_wake_once = outer_;
  for (std::size_t i = 0; i < count_; ++i) loops_[i]->wake();
}

void WakeOnce::add(Loop& loop) {
  if (count_ == kLoops) return loop.wake();
  loops_[count_++] = &loop;
}

/// A spawned task: the frame that awaits it, in the loop's list until it ends.
struct Loop::Root {
  Root(Loop& owner, Task<>&) : loop(owner) {
    next = loop.roots_;
    if (next) next->previous = this;
    loop.roots_ = this;
    ++loop.root_count_;
  }
  Root(const Root&) = delete;
  Root& operator=(const Root&) = delete;
  ~Root() {
    (previous ? previous->next : loop.roots_) = next;
    if (next) next->previous = previous;
    --loop.root_count_;
  }

  Loop& loop;
  Root* next = nullptr;
  Root* previous = nullptr;
  Resumption start;
};

/// The coroutine type of roots: it starts in the loop's next turn and frees itself at its end.
struct Loop::RootTask {
  struct promise_type : Root {
    using Root::Root;
    RootTask get_return_object() noexcept {
      start.handle = std::coroutine_handle<promise_type>::from_promise(*this);
      return {};
    }
    std::suspend_always initial_suspend() noexcept {
      loop.schedule(start);
      return {};
    }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::abort(); }
  };

  static RootTask run([[maybe_unused]] Loop& loop, Task<> task) {
    try {
      co_await std::move(task);
    } catch (const std::bad_alloc&) {
      log::error("io", "a task ran out of memory and was ended");
    }
  }
};

Loop::Loop(Moment now) : now_(now), timers_(now) {}

Loop::~Loop() { clear(); }

void Loop::clear() noexcept {
  const Entered entered(this);
  destroy_tasks();
  take_inbox();
  while (Posted* posted = posted_) {
    posted_ = posted->next_posted_;
    posted->discard();
  }
}

Loop& Loop::current() {
  if (!current_loop) {
    std::fputs("angarium: no loop on this thread\n", stderr);
    std::abort();
  }
  return *current_loop;
}

Loop* Loop::current_or_null() { return current_loop; }

Loop::Entered::Entered(Loop* loop) : outer_(std::exchange(current_loop, loop)) {}
Loop::Entered::~Entered() { current_loop = outer_; }

bool Loop::spawn(Task<> task) {
  try {
    RootTask::run(*this, std::move(task));
    return true;
  } catch (const std::bad_alloc&) {
    log::error("io", "no memory to start a task");
    return false;
  }
}

void Loop::post(std::move_only_function<void()> work) { post(*new PostedFunction(std::move(work))); }

void Loop::post(Posted& posted) {
  Posted* newest = inbox_.load(std::memory_order_relaxed);
  do {
    posted.next_posted_ = newest;
  } while (!inbox_.compare_exchange_weak(newest, &posted));
  if (newest || current_loop == this)
    return;  // whoever posted the first wakes the loop; a running loop looks by itself
  if (current_wake_once)
    current_wake_once->add(*this);
  else
    wake();
}

void Loop::withdraw(Posted& posted) {
  take_inbox();
  for (Posted** link = &posted_; *link; link = &(*link)->next_posted_) {
    if (*link != &posted) continue;
    *link = posted.next_posted_;
    return;
  }
}

void Loop::take_inbox() {
  Posted* newest = inbox_.exchange(nullptr);
  Posted* oldest = nullptr;
  while (newest) {
    Posted* earlier = newest->next_posted_;
    newest->next_posted_ = oldest;
    oldest = newest;
    newest = earlier;
  }
  Posted** end = &posted_;
  while (*end) end = &(*end)->next_posted_;
  *end = oldest;
}

void Loop::run_posted() {
  take_inbox();
  while (Posted* posted = posted_) {
    posted_ = posted->next_posted_;
    posted->run();
  }
}

void Loop::stop() {
  stopping_.store(true);
  wake();
}

void Loop::drain() {
  draining_.store(true);
  wake();
}

void Loop::schedule(Resumption& resumption) noexcept {
  if (resumption.loop_) return;
  resumption.loop_ = this;
  resumption.previous_ = last_ready_;
  (last_ready_ ? last_ready_->next_ : first_ready_) = &resumption;
  last_ready_ = &resumption;
  ++ready_count_;
}

void Loop::turn(Moment now) {
  now_ = now;
  ++turns_;
  run_posted();
  timers_.advance(now);
  for (auto left = ready_count_; left > 0 && first_ready_; --left) {
    Resumption* next = first_ready_;
    for (auto skip = choose(std::min(left, ready_count_)); skip > 0; --skip) next = next->next_;
    next->leave();
    next->handle.resume();
  }
}

bool Loop::work_waiting() const { return first_ready_ || posted_ || inbox_.load(); }

bool Loop::finished() {
  if (stopping_.exchange(false)) return true;
  return draining() && root_count_ == 0;
}

void Loop::destroy_tasks() noexcept {
  while (roots_) roots_->start.handle.destroy();
}

void Loop::Sleep::await_suspend(std::coroutine_handle<> waiting) {
  handle = waiting;
  loop_.timers().set(*this, at_);
}

void Loop::Sleep::fire() { loop_.schedule(*this); }

}  // namespace angarium::io
