// The STATUS response, shared with LIST RETURN (STATUS (…)).
#pragma once

#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

/// What the items tell of a mailbox.
io::Task<Result<StatusValues>> status_values(Session& session, std::string name, std::uint32_t items);

/// "* STATUS name (…)"; `items` of StatusBit.
void append_status(Session& session, std::string_view name, std::uint32_t items, const StatusValues& values);

}  // namespace angarium::protocol::imap::command
