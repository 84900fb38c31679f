// In whose name a message is sent on to another host, and where mail to such a name goes.
#pragma once

#include "agent/services.h"
#include "agent/sorting.h"
#include "envelope/path.h"

namespace angarium::agent {

/// The reverse-path under which `sender`'s message is sent on by an alias: rewritten by SRS where its domain is not
/// ours. Blocks: for pools.
Result<envelope::ReversePath> forwarding_sender(Services& services, const LocalTerms& local,
                                                const envelope::ReversePath& sender);

/// Whom a rewritten address stands for; nothing where it is none of this host's. Blocks: for pools.
/// envelope::kForgedSrs, kExpiredSrs.
Result<std::optional<envelope::Mailbox>> rewritten_sender(Services& services, const LocalTerms& local,
                                                          const envelope::Mailbox& address);

}  // namespace angarium::agent
