// DELETE (RFC 9051 §6.3.5).
#include "protocol/imap/notifications.h"

namespace angarium::protocol::imap::command {

io::Task<Result<Reply>> delete_mailbox(Session& session, Command& command) {
  auto name = CO_TRY(command.parser.mailbox());
  CO_TRY(command.parser.end());
  // RFC 9051 §6.3.5: it is an error to delete INBOX.
  if (name == "INBOX") co_return fail(kCannot, "INBOX can't be deleted");
  if (session.notifications != nullptr) session.notifications->expect(name);
  CO_TRY(co_await session.account->remove(std::move(name)));
  // Whatever it was called when it was selected: renamed, it is there; deleted, it is gone.
  if (session.selected != nullptr && session.selected->mailbox().view() == nullptr) {
    session.leave();
    session.untagged(Status::ok, "The selected mailbox was deleted", "CLOSED");
  }
  co_return done("DELETE completed");
}

}  // namespace angarium::protocol::imap::command
