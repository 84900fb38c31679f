// NOOP and CHECK (RFC 9051 §6.1.2, RFC 3501 §6.4.1): news is told after every command.
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

io::Task<Result<Reply>> noop(Session&, Command&) { co_return done("NOOP completed"); }

/// RFC 3501 §6.4.1: everything acknowledged is on disk already.
io::Task<Result<Reply>> check(Session&, Command&) { co_return done("CHECK completed"); }

}  // namespace angarium::protocol::imap::command
