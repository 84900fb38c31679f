// Delivery into an mbox file.
#pragma once

#include "delivery/delivery.h"

namespace angarium::delivery {

/// Appends the letter as mboxrd, behind a blank line; synced. On any failure the file is cut back to what it was.
/// The path, when delivered.
Step<std::string> deliver_mbox(const MboxTarget& target, Letter& letter, const Surroundings& surroundings);

}  // namespace angarium::delivery
