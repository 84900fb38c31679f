// What LOGIN and AUTHENTICATE do once it is known who is there, or that nobody is.
#pragma once

#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

/// Opens the account and enters the authenticated state.
io::Task<Result<Reply>> welcome(Session& session, sasl::Identity identity, std::string_view mechanism);
/// Counts the failure, and ends the connection after kFailedLoginsMax; the reply.
io::Task<Result<Reply>> turn_away(Session& session, Error error);

}  // namespace angarium::protocol::imap::command
