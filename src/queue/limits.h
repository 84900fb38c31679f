// Limits of what the queue holds in memory, and of one look.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/time.h"

namespace angarium::queue {

/// Consignments of one destination known in memory: enough for hundreds of connections between two looks at the store.
inline constexpr std::size_t kWindow = 1000;
/// Times read by one look; a longer list goes on at once, other work in between.
inline constexpr std::size_t kLook = 1000;
/// Destinations that wait for their next try and are kept in memory, so that mail for them need not ask the store.
inline constexpr std::size_t kWaitingKept = 10'000;
/// The longest time between two looks: what a clock that jumps may cost.
inline constexpr Duration kLookInterval = std::chrono::minutes(1);

}  // namespace angarium::queue
