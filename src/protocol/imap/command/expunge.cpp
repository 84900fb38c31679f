// EXPUNGE (RFC 9051 §6.4.3) and UID EXPUNGE (RFC 9051 §6.4.9, RFC 4315 §2.1).
#include "protocol/imap/message_limit.h"
#include "protocol/imap/progress.h"

namespace angarium::protocol::imap::command {

namespace {

/// What is \\Deleted of them.
NumberSet deleted(const Selected& selected, const NumberSet& uids) {
  NumberSet found;
  Cursor cursor(selected, {.numbers = uids, .addressing = Addressing::uid});
  for (auto batch = cursor.next(); !batch.empty(); batch = cursor.next())
    for (const auto& target : batch)
      if (!target.ghost && (target.entry.flags & kDeleted) != 0) found.add(target.entry.uid);
  return found;
}

}  // namespace

io::Task<Result<Reply>> expunge(Session& session, Command& command) {
  std::optional<NumberSet> uids;
  std::string limit;
  if (command.addressing == Addressing::uid) {
    const auto set = CO_TRY(command.parser.sequence_set());
    CO_TRY(command.parser.end());
    const auto resolved = CO_TRY(session.selected->resolve(set, Addressing::uid));
    uids = resolved.numbers;
    // RFC 9738 §3.1: a plain EXPUNGE has no limit.
    if (may_be_limited(session)) {
      auto part = limited(session, deleted(*session.selected, *uids));
      limit = std::move(part.code);
      if (!limit.empty()) uids = std::move(part.uids);
    }
  }
  if (session.selected->read_only()) co_return fail(kReadOnly, "The mailbox is read-only");
  std::optional<Progress> progress(std::in_place, session, command.tag);
  CO_TRY(co_await session.selected->mailbox().expunge(std::move(uids)));
  progress.reset();
  // Told here rather than at the end: the code carries the state after it (RFC 7162 §3.2.7).
  CO_TRY(co_await session.tell_news(CommandRow::Expunges::told, command.addressing));
  Reply reply = done("EXPUNGE completed");
  if (session.selected != nullptr && session.has(kCondstore))
    reply.code = "HIGHESTMODSEQ " + std::to_string(session.selected->view().highest_modseq());
  co_return with_limit(session, std::move(reply), limit);
}

}  // namespace angarium::protocol::imap::command
