// LOGOUT (RFC 9051 §6.1.3).
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

io::Task<Result<Reply>> logout(Session& session, Command&) {
  session.leave();
  session.bye("Goodbye");
  session.state = kLogout;
  session.after = Session::After::end;
  co_return done("LOGOUT completed");
}

}  // namespace angarium::protocol::imap::command
