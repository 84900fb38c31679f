// Threads that may wait for the disk, and the bridge from a loop to them and back.
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

#include "base/result.h"
#include "io/event.h"
#include "io/task.h"

namespace angarium::mailbox {

/// Where work that waits for the disk is done. Called from any thread; work is done once, in any thread, in any order.
class Pool {
 public:
  virtual ~Pool() = default;
  virtual void run(std::move_only_function<void()> work) = 0;
};

/// Does the work at once in the caller's thread: for tests, simulations and commands that are no servers.
class ImmediatePool final : public Pool {
 public:
  void run(std::move_only_function<void()> work) override { work(); }
};

/// Runs `work` (a function that returns Result<T>) in the pool; resumes on the loop that awaits.
template <class F, class R = std::invoke_result_t<F>>
io::Task<R> in_pool(Pool& pool, F work) {
  io::CrossThread<typename R::value_type> answer;
  pool.run([done = answer.completion(), work = std::move(work)]() mutable { done(work()); });
  co_return co_await answer;
}

}  // namespace angarium::mailbox
