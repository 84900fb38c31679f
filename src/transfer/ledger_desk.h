// The ledger of a desk, asked and written.
#pragma once

#include <string>
#include <vector>

#include "io/task.h"
#include "transfer/ledger.h"
#include "transfer/receive.h"

namespace angarium::transfer {

/// An octet for each, 1: it is noted.
io::Task<Result<std::string>> known_at(const Desk& desk, std::vector<Fingerprint> asked);
/// Durable when the task ends.
io::Task<Result<>> note_at(const Desk& desk, std::vector<Fingerprint> names, mailbox::MailboxId mailbox);

}  // namespace angarium::transfer
