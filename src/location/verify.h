// Looks whether the room's records are in the form in which they were written.
#pragma once

#include <string>
#include <vector>

#include "store/tablet.h"

namespace angarium::location {

/// A line of words for each account whose records are not; empty: all is well. Reads every record, and waits for the
/// disk.
Result<std::vector<std::string>> verify_records(store::Tablet& tablet);

}  // namespace angarium::location
