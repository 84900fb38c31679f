// What operators do with access control lists of mailboxes (RFC 4314).
#pragma once

#include <string>

#include "agent/services.h"
#include "control/request.h"
#include "io/task.h"

namespace angarium::agent {

/// Carries out one of these and gives its JSON text: the lines of the mailbox, or of all mailboxes of the account.
///
///     acl.list address [mailbox]
///     acl.set address mailbox identifier rights
///         identifier: an account's address, a name of the same domain, or anyone; "-" in front denies;
///         rights: letters of lrswipkxtea, c and d; "+" or "-" in front adds and takes away
///     acl.remove address mailbox identifier
///
///     [{"mailbox", "identifier", "rights"}]
///
/// account::kUnknown, kUsageError; errors of the mailbox room.
io::Task<Result<std::string>> acl_verb(Services& services, control::Request request);

}  // namespace angarium::agent
