// Task<T>: a coroutine that starts when it is awaited and gives one value.
#pragma once

#include <coroutine>
#include <new>
#include <optional>
#include <utility>

namespace angarium::io {

template <class T = void>
class Task;

namespace detail {

/// What all promises share. The frame is resumed by its awaiter and hands over to it at its end by symmetric
/// transfer, so chains of any length use no stack.
class PromiseBase {
 public:
  struct Final {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      return ended.promise().continuation_;
    }
    void await_resume() noexcept {}
  };

  std::suspend_always initial_suspend() noexcept { return {}; }
  Final final_suspend() noexcept { return {}; }
  /// Errors are values here: std::bad_alloc travels to the awaiter, any other exception ends the process with a
  /// message that names it.
  void unhandled_exception() noexcept;

  void continue_with(std::coroutine_handle<> continuation) noexcept { continuation_ = continuation; }

 protected:
  void rethrow_if_out_of_memory() const {
    if (out_of_memory_) throw std::bad_alloc();
  }

 private:
  std::coroutine_handle<> continuation_;
  bool out_of_memory_ = false;
};

template <class T>
class Promise : public PromiseBase {
 public:
  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() {
    rethrow_if_out_of_memory();
    return *std::move(value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class Promise<void> : public PromiseBase {
 public:
  Task<void> get_return_object() noexcept;
  void return_void() noexcept {}
  void take() const { rethrow_if_out_of_memory(); }
};

}  // namespace detail

/// Lazy, move-only, awaited at most once, on one loop. Destroying a task that is suspended destroys its frame and
/// all it awaits; every wait of this room takes itself out of its queue then.
template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  class Awaiter {
   public:
    explicit Awaiter(Handle handle) noexcept : handle_(handle) {}
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) const noexcept {
      handle_.promise().continue_with(awaiting);
      return handle_;
    }
    T await_resume() const { return handle_.promise().take(); }

   private:
    Handle handle_;
  };
  Awaiter operator co_await() && noexcept { return Awaiter(handle_); }

 private:
  friend promise_type;
  explicit Task(Handle handle) noexcept : handle_(handle) {}

  Handle handle_;
};

namespace detail {

template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

}  // namespace detail

/// Awaited like a task, but costs no frame when the value is there already: for calls that seldom wait.
template <class T>
class [[nodiscard]] ValueOrTask {
 public:
  ValueOrTask(T value) : value_(std::move(value)) {}
  ValueOrTask(Task<T> task) : task_(std::move(task)) {}

  bool await_ready() const noexcept { return value_.has_value(); }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
    awaiter_.emplace(std::move(*task_).operator co_await());
    return awaiter_->await_suspend(awaiting);
  }
  T await_resume() { return value_ ? *std::move(value_) : awaiter_->await_resume(); }

 private:
  std::optional<T> value_;
  std::optional<Task<T>> task_;
  std::optional<typename Task<T>::Awaiter> awaiter_;
};

}  // namespace angarium::io
