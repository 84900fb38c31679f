// Sorting on the loop without holding up the others on it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "io/loop.h"
#include "io/task.h"

namespace angarium::protocol::imap {

/// Counts what was done since others of the loop had their turn.
class Pace {
 public:
  /// So many small steps are about a millisecond.
  static constexpr std::size_t kStepsAtOnce = 8192;

  /// Whether it is the others' turn, after `steps` more.
  bool due(std::size_t steps = 1) {
    done_ += steps;
    if (done_ < kStepsAtOnce) return false;
    done_ = 0;
    return true;
  }

 private:
  std::size_t done_ = 0;
};

/// Merges [begin, middle) and [middle, end) of `from` into the same places of `to`.
template <class T, class Less>
io::Task<> merge_in_slices(const std::vector<T>& from, std::size_t begin, std::size_t middle, std::size_t end,
                           std::vector<T>& to, const Less& less, Pace& pace) {
  auto left = begin;
  auto right = middle;
  for (auto at = begin; at < end; ++at) {
    const bool first = right == end || (left < middle && !less(from[right], from[left]));
    to[at] = from[first ? left++ : right++];
    if (pace.due()) co_await io::Loop::current().yield();
  }
}

/// Sorts by an order in which no two rows are equal. Takes as much memory again as the rows do.
template <class T, class Less>
io::Task<> sort_in_slices(std::vector<T>& rows, Less less) {
  constexpr std::size_t kRun = 512;
  Pace pace;
  for (std::size_t begin = 0; begin < rows.size(); begin += kRun) {
    const auto end = std::min(begin + kRun, rows.size());
    std::sort(rows.begin() + static_cast<std::ptrdiff_t>(begin), rows.begin() + static_cast<std::ptrdiff_t>(end), less);
    if (pace.due(8 * kRun)) co_await io::Loop::current().yield();
  }
  if (rows.size() <= kRun) co_return;
  std::vector<T> other(rows.size());
  for (std::size_t width = kRun; width < rows.size(); width *= 2) {
    for (std::size_t begin = 0; begin < rows.size(); begin += 2 * width) {
      const auto middle = std::min(begin + width, rows.size());
      const auto end = std::min(begin + 2 * width, rows.size());
      co_await merge_in_slices(rows, begin, middle, end, other, less, pace);
    }
    std::swap(rows, other);
  }
}

}  // namespace angarium::protocol::imap
