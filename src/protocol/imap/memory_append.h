// What brings messages into a mailbox in memory: APPEND and REPLACE, and deliveries.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocol/imap/memory_backend.h"

namespace angarium::protocol::imap {

/// A message on its way into a mailbox.
struct Arrival {
  std::shared_ptr<const MemoryEmail> email;
  FlagList flags;
  InternalDate date;
};

/// All become visible at once.
Result<AppendOutcome> arrive(MemoryAccountState& account, MemoryMailboxState& mailbox,
                             const std::vector<Arrival>& arrivals);

/// One APPEND; with `source` and `replaced`, where a message is to go and its UID, one REPLACE.
std::unique_ptr<Append> memory_append(std::shared_ptr<MemoryAccountState> account,
                                      std::shared_ptr<MemoryMailboxState> mailbox,
                                      std::shared_ptr<MemoryMailboxState> source = nullptr, std::uint32_t replaced = 0);

}  // namespace angarium::protocol::imap
