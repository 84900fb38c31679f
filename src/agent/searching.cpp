#include "agent/searching.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>

namespace angarium::agent {
namespace {

/// A tenth of what others get of a processor that is short: a search on a busy host still comes to its end.
constexpr int kNice = 10;
/// Of one who searches, and of all: a session has a few slices in hand at a time, so that the connections are what
/// bounds them. What is refused here would be mail that cannot be found.
constexpr std::size_t kWaiting = std::size_t{1} << 20;
/// Slices of one search under way: a batch of 64 messages is not worth more.
constexpr std::size_t kSideBySideMax = 4;

}  // namespace

Searching::Searching(std::size_t threads)
    : own_threads_(threads != 0),
      side_by_side_(std::clamp<std::size_t>(threads, 1, kSideBySideMax)),
      pool_({.name = "search", .threads = threads, .share = side_by_side_, .waiting = kWaiting, .queue = kWaiting}) {}

void Searching::yield_to_others() {
  thread_local bool yielding = false;
  if (yielding) return;
  yielding = true;
  // Who wakes goes before a batch thread at once; where that is not permitted, it is as fair as any other.
  const sched_param none{};
  (void)sched_setscheduler(0, SCHED_BATCH, &none);                           // on Linux: of this thread,
  (void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + kNice);  // and so is this
}

}  // namespace angarium::agent
