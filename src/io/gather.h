// Many tasks at once, awaited as one.
#pragma once

#include <deque>
#include <exception>
#include <optional>
#include <vector>

#include "io/loop.h"

namespace angarium::io {

/// co_await gather(std::move(tasks)): runs all of them on this loop and gives their values in the order of the tasks,
/// once the last has ended. They start at once, the first first. Whoever destroys the waiting frame ends them all.
template <class T>
class [[nodiscard]] Gather {
 public:
  explicit Gather(std::vector<Task<T>> tasks) : loop_(Loop::current()), tasks_(std::move(tasks)) {}
  Gather(const Gather&) = delete;
  Gather& operator=(const Gather&) = delete;

  bool await_ready() const { return tasks_.empty(); }
  void await_suspend(std::coroutine_handle<> waiting) {
    end_.handle = waiting;
    values_.resize(tasks_.size());
    left_ = tasks_.size() + 1;
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      runs_.push_back(run(*this, std::move(tasks_[i]), values_[i]));
      runs_.back().handle.resume();
    }
    ended();
  }
  std::vector<T> await_resume() {
    if (out_of_memory_) throw std::bad_alloc();
    std::vector<T> values;
    values.reserve(values_.size());
    for (auto& value : values_) values.push_back(*std::move(value));
    return values;
  }

 private:
  /// The frame that awaits one task. It stays at its end until the gatherer goes.
  struct Run {
    struct promise_type {
      promise_type(Gather& gather, Task<T>&, std::optional<T>&) : gatherer(gather) {}
      Run get_return_object() { return Run(std::coroutine_handle<promise_type>::from_promise(*this)); }
      std::suspend_always initial_suspend() noexcept { return {}; }
      std::suspend_always final_suspend() noexcept {
        gatherer.ended();
        return {};
      }
      void return_void() noexcept {}
      /// A task lets nothing through but std::bad_alloc.
      void unhandled_exception() noexcept { gatherer.out_of_memory_ = true; }
      Gather& gatherer;
    };
    explicit Run(std::coroutine_handle<promise_type> of) : handle(of) {}
    Run(Run&& other) noexcept : handle(std::exchange(other.handle, nullptr)) {}
    Run& operator=(Run&&) = delete;
    ~Run() {
      if (handle) handle.destroy();
    }
    std::coroutine_handle<promise_type> handle;
  };

  static Run run([[maybe_unused]] Gather& gatherer, Task<T> task, std::optional<T>& value) {
    value.emplace(co_await std::move(task));
  }

  void ended() noexcept {
    if (--left_ == 0) loop_.schedule(end_);
  }

  Loop& loop_;
  std::vector<Task<T>> tasks_;
  std::vector<std::optional<T>> values_;
  std::size_t left_ = 0;
  bool out_of_memory_ = false;
  Resumption end_;
  std::deque<Run> runs_;  ///< goes first: its tasks refer to the rest
};

template <class T>
Gather<T> gather(std::vector<Task<T>> tasks) {
  return Gather<T>(std::move(tasks));
}

}  // namespace angarium::io
