// A row of LIST, shared with the commands that tell of one mailbox unasked.
#pragma once

#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

/// The whole line "* LIST (…) "/" name" as LIST shows it, with OLDNAME when the client wrote the name otherwise
/// (RFC 9051 §6.3.9.7). Empty when there is no such name.
io::Task<Result<std::string>> listed(Session& session, std::string_view name, std::string_view written);

/// The mailbox name that comes next, as the client wrote it; the parser stays where it is.
std::string name_as_written(Parser parser);

}  // namespace angarium::protocol::imap::command
