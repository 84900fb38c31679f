// Waiting for what happens inside the program: an event on a loop, an answer from another thread.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "io/loop.h"

namespace angarium::io {

class Event;

/// Whoever is told of an event; one at a time for each event.
class EventWaiter {
 public:
  EventWaiter() = default;
  EventWaiter(const EventWaiter&) = delete;
  EventWaiter& operator=(const EventWaiter&) = delete;
  virtual ~EventWaiter();

 protected:
  void leave_event() noexcept;

 private:
  friend Event;
  virtual void event_set() = 0;
  Event* event_ = nullptr;
};

/// A flag of one loop that wakes its waiter. It stays set until a wait takes it; setting it twice is setting it once.
class Event : Posted {
 public:
  explicit Event(Loop& loop = Loop::current()) : loop_(loop) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  /// On the loop's thread, after the last call of set_from_any_thread() has returned.
  ~Event() override;

  void set();
  /// Cheap when it is set already; many calls before the loop looks are one wake-up.
  void set_from_any_thread();
  [[nodiscard]] bool is_set() const { return set_; }
  /// Whether it was set; it is not afterwards.
  bool take() { return std::exchange(set_, false); }

  /// co_await event.wait(): returns once it is set, and takes it.
  class [[nodiscard]] Wait : EventWaiter, Resumption {
   public:
    explicit Wait(Event& event) : event_(event) {}
    bool await_ready() const { return event_.take(); }
    void await_suspend(std::coroutine_handle<> waiting) {
      handle = waiting;
      event_.set_waiter(*this);
    }
    void await_resume() const {}

   private:
    void event_set() override;
    Event& event_;
  };
  Wait wait() { return Wait(*this); }

  /// For awaitables that wait for an event and something else. The event must have no other waiter.
  void set_waiter(EventWaiter& waiter);
  [[nodiscard]] Loop& loop() { return loop_; }

 private:
  friend EventWaiter;
  void run() override;

  Loop& loop_;
  EventWaiter* waiter_ = nullptr;
  bool set_ = false;
  std::atomic<bool> posted_{false};
};

namespace detail {

/// Shared by the two ends of a CrossThread: whoever leaves last frees it.
template <class T>
struct Answer : Posted {
  explicit Answer(Loop& asking) : loop(asking) {}
  void run() override {
    loop.got_answer();
    arrived = true;
    auto self = std::move(keep);
    if (waiting.handle) loop.schedule(waiting);
  }

  void discard() noexcept override { auto self = std::move(keep); }

  Loop& loop;
  Resumption waiting;
  bool arrived = false;
  std::optional<Result<T>> value;
  std::shared_ptr<Answer> keep;  ///< holds itself while it is in the loop's inbox
};

}  // namespace detail

/// One answer that another thread gives to a coroutine of this loop:
///
///     CrossThread<Receipt> answer;
///     committer.enqueue(batch, answer.completion());
///     Result<Receipt> receipt = co_await answer;
///
/// The asking coroutine may be destroyed before the answer comes. One allocation.
template <class T = void>
class CrossThread {
 public:
  explicit CrossThread(Loop& loop = Loop::current()) : answer_(std::make_shared<detail::Answer<T>>(loop)) {}
  CrossThread(const CrossThread&) = delete;
  CrossThread& operator=(const CrossThread&) = delete;
  ~CrossThread() {
    answer_->waiting.leave();
    answer_->waiting.handle = nullptr;
  }

  /// The answering end: move-only, usable on any thread, answers once. Dropped unanswered, it answers kCancelled.
  class Completion {
   public:
    Completion(Completion&&) noexcept = default;
    Completion& operator=(Completion&&) = delete;
    ~Completion() {
      if (answer_) send(fail(kCancelled, "dropped"));
    }
    void operator()(Result<T> value) { send(std::move(value)); }

   private:
    friend CrossThread;
    explicit Completion(std::shared_ptr<detail::Answer<T>> answer) : answer_(std::move(answer)) {}
    void send(Result<T> value) {
      auto& answer = *answer_;
      answer.value.emplace(std::move(value));
      answer.keep = std::move(answer_);
      answer.loop.post(answer);
    }
    std::shared_ptr<detail::Answer<T>> answer_;
  };
  /// Called once.
  [[nodiscard]] Completion completion() {
    answer_->loop.expect_answer();
    return Completion(answer_);
  }

  bool await_ready() const noexcept { return answer_->arrived; }
  void await_suspend(std::coroutine_handle<> waiting) noexcept { answer_->waiting.handle = waiting; }
  Result<T> await_resume() { return *std::move(answer_->value); }

 private:
  std::shared_ptr<detail::Answer<T>> answer_;
};

}  // namespace angarium::io
