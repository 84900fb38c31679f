// A task that is waited for from outside of its loop.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "base/result.h"
#include "io/loop.h"

namespace angarium::io {

namespace detail {
template <class T>
Task<> keep(Loop& loop, Task<Result<T>> task, std::shared_ptr<std::optional<Result<T>>> result) {
  result->emplace(co_await std::move(task));
  loop.stop();
}
}  // namespace detail

/// Runs the loop, with all that is spawned there, until the task has ended.
template <class T>
Result<T> block_on(Loop& loop, Task<Result<T>> task) {
  // The task may outlive the wait, when the loop is stopped by others.
  const auto result = std::make_shared<std::optional<Result<T>>>();
  if (!loop.spawn(detail::keep(loop, std::move(task), result))) return fail(kOutOfMemory, "no memory for a task");
  loop.run();
  if (!*result) return fail(kBroken, "the loop ended before the task");
  return std::move(**result);
}

}  // namespace angarium::io
