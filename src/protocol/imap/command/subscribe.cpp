// SUBSCRIBE and UNSUBSCRIBE (RFC 9051 §6.3.7, §6.3.8).
#include "protocol/imap/notifications.h"

namespace angarium::protocol::imap::command {

namespace {

io::Task<Result<Reply>> change(Session& session, Command& command, Subscription subscription) {
  auto name = CO_TRY(command.parser.mailbox());
  CO_TRY(command.parser.end());
  if (session.notifications != nullptr) session.notifications->expect(name);
  CO_TRY(co_await session.account->subscribe(std::move(name), subscription));
  co_return done(subscription == Subscription::subscribe ? "SUBSCRIBE completed" : "UNSUBSCRIBE completed");
}

}  // namespace

io::Task<Result<Reply>> subscribe(Session& session, Command& command) {
  return change(session, command, Subscription::subscribe);
}

io::Task<Result<Reply>> unsubscribe(Session& session, Command& command) {
  return change(session, command, Subscription::unsubscribe);
}

}  // namespace angarium::protocol::imap::command
