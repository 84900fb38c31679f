// REPLACE and UID REPLACE (RFC 8508).
#include "protocol/imap/command/appending.h"
#include "protocol/imap/notifications.h"

namespace angarium::protocol::imap::command {

namespace {

/// seq-number or uniqueid: one message, not a set.
Result<std::uint32_t> message_named(Session& session, Command& command) {
  auto& selected = *session.selected;
  // "*" is 0 in a set.
  const auto number = command.parser.present('*') ? 0 : TRY(command.parser.nz_number());
  const SequenceSet set{.ranges = {{number, number}}};
  const auto resolved = TRY(selected.resolve(set, command.addressing));
  bool ghosts = false;
  const auto uids = selected.uids(resolved, ghosts);
  if (uids.empty()) return fail(kExpungeIssued, "The message is not there any more; nothing was done");
  return uids.max();
}

io::Task<Result<Reply>> replace_one(Session& session, Command& command, Appending& appending) {
  auto& parser = command.parser;
  const auto uid = CO_TRY(message_named(session, command));
  CO_TRY(parser.space());
  const auto name = CO_TRY(co_await appending.mailbox());
  CO_TRY(parser.space());
  auto& selected = *session.selected;
  if (selected.read_only()) co_return fail(kReadOnly, "The mailbox is read-only");
  auto append = CO_TRY(co_await session.account->replace(name, {selected.mailbox().name(), selected.facts().id, uid}));
  CO_TRY(co_await appending.message(*append));
  CO_TRY(parser.end());
  const auto outcome = CO_TRY(co_await append->commit());
  if (session.notifications != nullptr) session.notifications->expect_messages(session, name, outcome.uids);
  // RFC 8508 §4.3: the new UID comes before the EXPUNGE, untagged.
  if (!outcome.uids.empty()) session.untagged(Status::ok, "Replacement is there", append_uid(outcome));
  CO_TRY(co_await session.tell_news(CommandRow::Expunges::told, command.addressing));
  if (session.selected == nullptr || !session.has(kCondstore)) co_return done("REPLACE completed");
  // RFC 8508 §4.5: as UID EXPUNGE (RFC 7162 §3.2.9).
  co_return done("REPLACE completed", "HIGHESTMODSEQ " + std::to_string(session.selected->view().highest_modseq()));
}

}  // namespace

io::Task<Result<Reply>> replace(Session& session, Command& command) {
  Appending appending(session, command.parser);
  auto result = co_await replace_one(session, command, appending);
  if (!result) co_return co_await appending.refuse(std::move(result).error());
  co_return result;
}

}  // namespace angarium::protocol::imap::command
