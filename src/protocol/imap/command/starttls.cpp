// STARTTLS (RFC 9051 §6.2.1).
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

io::Task<Result<Reply>> starttls(Session& session, Command&) {
  if (!session.connection().can_start_tls()) co_return fail(kRefused, "TLS is not available here");
  session.after = Session::After::start_tls;
  co_return done("Begin TLS now");
}

}  // namespace angarium::protocol::imap::command
