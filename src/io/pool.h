// Threads for what blocks: password hashing, directories, disk misses.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <type_traits>

#include "io/error.h"
#include "io/event.h"
#include "io/task.h"

namespace angarium::io {

struct PoolOptions {
  std::string name = "pool";  ///< of the threads, at most 15 octets
  /// 0: each job runs on the loop of its submitter, in a later turn, one after the other: for simulations.
  std::size_t threads = 1;
  std::size_t queue = 256;  ///< jobs waiting beyond those that run; one more is refused
};

/// A bounded set of threads with a bounded queue. Safe from any thread. It must end before the loops that wait for it
/// go.
class Pool {
 public:
  explicit Pool(PoolOptions options);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  /// Finishes the running jobs and drops the queue (their waiters get kCancelled), for good. From one thread; the
  /// destructor does it too.
  void end();
  /// kBusy when the queue is full or the pool has ended.
  Result<void> submit(std::move_only_function<void()> job);
  /// Jobs waiting now.
  [[nodiscard]] std::size_t waiting() const;

 private:
  struct Body;
  std::shared_ptr<Body> body_;
};

namespace detail {
template <class R>
struct PoolValue {
  using Type = R;
};
template <class T>
struct PoolValue<Result<T>> {
  using Type = T;
};

/// The job that does the work, lets go of what it holds and completes.
template <class T, class Work, class Complete>
auto answering(Work work, Complete complete) {
  return [held = std::optional<Work>(std::move(work)), complete = std::move(complete)]() mutable {
    Result<T> result = [&]() -> Result<T> {
      try {
        if constexpr (std::is_void_v<std::invoke_result_t<Work&>>) {
          (*held)();
          return {};
        } else {
          return (*held)();
        }
      } catch (const std::bad_alloc&) {
        return fail(kOutOfMemory, "on a pool's thread");
      }
    }();
    // The caller may end what it belongs to as soon as it is answered.
    held.reset();
    complete(std::move(result));
  };
}
}  // namespace detail

/// Runs `work` (giving T or Result<T>) on the pool and returns its answer on the caller's loop. kBusy at once when the
/// pool is full; kOutOfMemory when the work ran out of memory. If the waiting coroutine is destroyed the work still
/// runs: it must own what it uses. What it owns is let go before the answer arrives.
template <class Work, class T = typename detail::PoolValue<std::invoke_result_t<Work&>>::Type>
Task<Result<T>> run(Pool& pool, Work work) {
  CrossThread<T> answer;
  auto submitted = pool.submit(detail::answering<T>(std::move(work), answer.completion()));
  if (!submitted) co_return std::unexpected(std::move(submitted).error());
  co_return co_await answer;
}

}  // namespace angarium::io
