// What the operator of this host is told by mail.
#pragma once

#include <optional>
#include <string>

#include "agent/report.h"
#include "agent/services.h"

namespace angarium::agent {

/// The address that reads what nobody else does, or none: no domain is served here.
io::Task<Result<std::optional<envelope::Mailbox>>> postmaster(Services& services);

/// Adds a message to the postmaster to the batch, by the queue; nothing when nobody is there to read it. `text`: lines
/// with CR LF, ASCII or UTF-8. `of`: the message it is about, whose story tells of it; or null.
io::Task<Result<std::optional<queue::Change>>> tell_postmaster(Services& services, const ReportTerms& terms,
                                                               std::string subject, std::string text,
                                                               queue::EntryPtr of, store::Batch& batch);

}  // namespace angarium::agent
