// Runs one task to its end on a loop of the test.
#pragma once

#include <optional>
#include <stdexcept>
#include <utility>

#include "io/loop.h"

namespace angarium::test {

namespace detail {
template <class T>
io::Task<> keep_result(io::Loop& loop, io::Task<T> task, std::optional<T>& result) {
  result.emplace(co_await std::move(task));
  loop.stop();
}
}  // namespace detail

/// The value of `task`, run on `loop` with all that is spawned there. Throws when it never ends.
template <class T>
T sync_wait(io::Loop& loop, io::Task<T> task) {
  std::optional<T> result;
  loop.spawn(detail::keep_result(loop, std::move(task), result));
  loop.run();
  if (!result) throw std::runtime_error("the task waits for what never happens");
  return *std::move(result);
}

}  // namespace angarium::test
