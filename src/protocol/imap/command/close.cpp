// CLOSE (RFC 9051 §6.4.1) and UNSELECT (RFC 9051 §6.4.2, RFC 3691).
#include "protocol/imap/progress.h"

namespace angarium::protocol::imap::command {

io::Task<Result<Reply>> close(Session& session, Command& command) {
  // RFC 9051 §6.4.1: removes what is \Deleted without telling, unless the mailbox is read-only.
  Result<NumberSet> removed = NumberSet{};
  // RFC 4314 §4: without the right to expunge it is closed all the same.
  if (!session.selected->read_only() && session.selected->may(kRightExpunge)) {
    const Progress progress(session, command.tag);
    removed = co_await session.selected->mailbox().expunge(std::nullopt);
  }
  session.leave();
  CO_TRY(std::move(removed));
  co_return done("CLOSE completed");
}

io::Task<Result<Reply>> unselect(Session& session, Command&) {
  session.leave();
  co_return done("UNSELECT completed");
}

}  // namespace angarium::protocol::imap::command
