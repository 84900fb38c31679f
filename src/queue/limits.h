// Limits of what the queue holds in memory, and of one look.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/time.h"

namespace angarium::queue {

/// Consignments of one destination known in memory: enough for hundreds of connections between two looks at the store.
inline constexpr std::size_t kWindow = 1000;
/// Entries remembered before those that ended are looked for.
inline constexpr std::size_t kPurge = 1024;
/// Times read by one look; a longer list goes on at once, other work in between.
inline constexpr std::size_t kLook = 1000;
/// Consignments of one entry that are counted to see whether one is the last; an entry with more is looked for in the
/// store when it may be done.
inline constexpr std::size_t kCounted = 100;
/// Destinations that wait for their next try and are kept in memory, so that mail for them need not ask the store.
inline constexpr std::size_t kWaitingKept = 10'000;
/// From a look that failed to the next.
inline constexpr Duration kFailedLook = std::chrono::seconds(1);
/// The longest time between two looks: what a clock that jumps may cost.
inline constexpr Duration kLookInterval = std::chrono::minutes(1);

}  // namespace angarium::queue
