// The queue of one destination, started now.
#pragma once

#include <string>

#include "agent/services.h"

namespace angarium::agent {

/// Consignments that one flush counts and makes due, at most: those behind them have their own times.
inline constexpr std::size_t kFlushMax = 1000;

/// The destination may be tried, and what waits for it is due but for what is held, or held back at its sender's wish
/// (FUTURERELEASE); what is under way stays so. How many consignments wait, up to kFlushMax.
io::Task<Result<std::size_t>> flush_destination(Services& services, std::string destination);

}  // namespace angarium::agent
