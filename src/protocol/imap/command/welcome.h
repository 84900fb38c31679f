// What LOGIN and AUTHENTICATE do once it is known who is there.
#pragma once

#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

/// Enters the authenticated state, or counts the failure and ends the connection after kFailedLoginsMax.
Result<Reply> welcome(Session& session, Result<std::shared_ptr<Account>> account);

}  // namespace angarium::protocol::imap::command
