// The room's consistency: what is kept twice agrees, and every record is one.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "store/tablet.h"

namespace angarium::index {

/// A line in words for each account whose index has a fault, at most kIndexFindingsMax; empty: all is well. Reads all
/// indexes at one moment. Waits. An error means the store could not be read.
Result<std::vector<std::string>> verify_indexes(store::Tablet& tablet);
inline constexpr std::size_t kIndexFindingsMax = 1000;

}  // namespace angarium::index
