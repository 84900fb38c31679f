// Who judges tickets of Kerberos.
#pragma once

#include "base/result.h"
#include "io/task.h"
#include "sasl/gss.h"

namespace angarium::account {

/// Awaited on any loop, resumes there; never blocks it.
class TicketVerifier {
 public:
  virtual ~TicketVerifier() = default;

  /// The answer to GssWanted: in the end, the address of the account whose ticket it is. sasl::kBadCredentials for one
  /// that does not count here; temporary errors when it cannot be told now.
  virtual io::Task<Result<sasl::GssAnswer>> accept(sasl::GssWanted wanted) = 0;
};

}  // namespace angarium::account
