// Runs one task to its end on a loop of the test.
#pragma once

#include <optional>
#include <stdexcept>
#include <utility>

#include "io/loop.h"
#include "io/memory.h"

namespace angarium::test {

namespace detail {
template <class T>
io::Task<> keep_result(io::Loop& loop, io::Task<T> task, std::optional<T>& result) {
  result.emplace(co_await std::move(task));
  loop.stop();
}

template <class T>
io::Task<> keep_value(io::Task<T> task, std::optional<T>& result) {
  result.emplace(co_await std::move(task));
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

/// The value of `task`, run on a loop whose time stands still, with all that can be done now. Throws when it waits for
/// later.
template <class T>
T settled(io::SimulatedLoop& loop, io::Task<T> task) {
  std::optional<T> result;
  loop.spawn(detail::keep_value(std::move(task), result));
  loop.settle();
  if (!result) throw std::runtime_error("a task did not end");
  return *std::move(result);
}

/// Does `what` as the loop's own, with all that comes of it now.
template <class Do>
void on_loop(io::SimulatedLoop& loop, Do what) {
  loop.post([&what] { what(); });
  loop.settle();
}

}  // namespace angarium::test
