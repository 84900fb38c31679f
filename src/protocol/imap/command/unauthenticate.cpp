// UNAUTHENTICATE (RFC 8437): the connection goes back to who has not logged in.
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

io::Task<Result<Reply>> unauthenticate(Session& session, Command&) {
  session.end_account();
  session.after = Session::After::bare;
  co_return done("Log in again");
}

}  // namespace angarium::protocol::imap::command
