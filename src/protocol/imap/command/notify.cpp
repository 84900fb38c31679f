// NOTIFY (RFC 5465).
#include "protocol/imap/notifications.h"

namespace angarium::protocol::imap::command {

io::Task<Result<Reply>> notify(Session& session, Command& command) {
  auto& parser = command.parser;
  auto program = CO_TRY(parser.notify_arguments());
  CO_TRY(parser.end());
  for (const auto& group : program.groups) {
    if (group.items && (group.items->items & kFetchModseq) != 0) session.enable_condstore();
  }
  const bool sets = !program.groups.empty();
  auto fresh = std::make_unique<Notifications>(std::move(program));
  if (sets) {
    // A refusal leaves everything as it was.
    CO_TRY(co_await fresh->begin(session));
    // RFC 5465 §3.1: a NOOP, of what the mailbox had to tell without any NOTIFY.
    session.notifications.reset();
    CO_TRY(co_await session.tell_news(CommandRow::Expunges::told, Addressing::sequence));
  }
  session.notifications = std::move(fresh);
  // RFC 5465 §5.6: nobody has to ENABLE METADATA besides.
  if (!session.has(kMetadata) && !session.notifications->wants_annotations()) {
    session.annotations.reset();
  } else if (session.annotations == nullptr) {
    session.annotations = session.account->watch_annotations(session.wake);
  }
  if (session.selected != nullptr) session.selected->show_from = session.selected->view().uid_next();
  CO_TRY(co_await session.notifications->tell_all(session));
  co_return done("NOTIFY completed");
}

}  // namespace angarium::protocol::imap::command
