// CAPABILITY (RFC 9051 §6.1.1).
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

io::Task<Result<Reply>> capability(Session& session, Command&) {
  auto& out = session.text();
  out += "* CAPABILITY ";
  out += session.capabilities();
  out += "\r\n";
  co_return done("CAPABILITY completed");
}

}  // namespace angarium::protocol::imap::command
