// EXPUNGE (RFC 9051 §6.4.3) and UID EXPUNGE (RFC 9051 §6.4.9, RFC 4315 §2.1).
#include "protocol/imap/progress.h"

namespace angarium::protocol::imap::command {

io::Task<Result<Reply>> expunge(Session& session, Command& command) {
  std::optional<NumberSet> uids;
  if (command.addressing == Addressing::uid) {
    const auto set = CO_TRY(command.parser.sequence_set());
    CO_TRY(command.parser.end());
    const auto resolved = CO_TRY(session.selected->resolve(set, Addressing::uid));
    uids = resolved.numbers;
  }
  if (session.selected->read_only()) co_return fail(kReadOnly, "The mailbox is read-only");
  std::optional<Progress> progress(std::in_place, session, command.tag);
  CO_TRY(co_await session.selected->mailbox().expunge(std::move(uids)));
  progress.reset();
  // Told here rather than at the end: the code carries the state after it (RFC 7162 §3.2.7).
  CO_TRY(co_await session.tell_news(CommandRow::Expunges::told, command.addressing));
  if (session.selected == nullptr || !session.has(kCondstore)) co_return done("EXPUNGE completed");
  co_return done("EXPUNGE completed", "HIGHESTMODSEQ " + std::to_string(session.selected->view().highest_modseq()));
}

}  // namespace angarium::protocol::imap::command
