// Tickets of Kerberos of whoever runs a command.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "sasl/client.h"

namespace angarium::program {

/// Of the caller's own cache (KRB5CCNAME), for the service, host and connection that `context` tells of. `principal`:
/// whose; empty: the cache's. May wait for the key distribution centre. sasl::kUnavailable, in words that say what to
/// do.
Result<std::unique_ptr<sasl::GssContext>> own_ticket(const std::string& principal, const sasl::ClientContext& context);

}  // namespace angarium::program
