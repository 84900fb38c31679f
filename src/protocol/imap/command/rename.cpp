// RENAME (RFC 9051 §6.3.6).
#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/notifications.h"

namespace angarium::protocol::imap::command {

io::Task<Result<Reply>> rename(Session& session, Command& command) {
  auto& parser = command.parser;
  auto from = CO_TRY(parser.mailbox());
  CO_TRY(parser.space());
  auto to = CO_TRY(parser.mailbox());
  CO_TRY(parser.end());
  if (to == "INBOX") co_return fail(kAlreadyExists, "INBOX exists always");
  if (to == from) co_return fail(kAlreadyExists, "It has that name already");
  if (to.size() > from.size() && to.starts_with(from) && to[from.size()] == kHierarchyDelimiter && from != "INBOX")
    co_return fail(kCannot, "A mailbox can't move below itself");
  if (session.notifications != nullptr) {
    session.notifications->expect(from);
    session.notifications->expect(to);
  }
  CO_TRY(co_await session.account->rename(std::move(from), std::move(to)));
  co_return done("RENAME completed");
}

}  // namespace angarium::protocol::imap::command
