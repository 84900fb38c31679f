// Emails that are in no mailbox any more, and when they are erased.
#pragma once

#include <optional>

#include "base/result.h"
#include "store/tablet.h"

namespace angarium::mailbox {

/// What erases the emails of the oldest grave record that is due, with their message-id keys, and the record. Nothing
/// when none is due. Waits.
Result<std::optional<store::Batch>> empty_grave(store::Tablet& tablet, std::int64_t now_seconds);

}  // namespace angarium::mailbox
