// COPY (RFC 9051 §6.4.7) and MOVE (RFC 9051 §6.4.8, RFC 6851).
#include "protocol/imap/message_limit.h"
#include "protocol/imap/notifications.h"
#include "protocol/imap/progress.h"

namespace angarium::protocol::imap::command {

namespace {

io::Task<Result<Reply>> transfer(Session& session, Command& command, CopyMode mode) {
  auto& parser = command.parser;
  const auto set = CO_TRY(parser.sequence_set());
  CO_TRY(parser.space());
  const auto target = CO_TRY(parser.mailbox());
  CO_TRY(parser.end());
  // So that what has gone meanwhile is known, and nothing is done then.
  session.look_again();
  if (session.selected == nullptr) co_return fail(kNonExistent, "The mailbox was deleted");
  auto& selected = *session.selected;
  const auto resolved = CO_TRY(selected.resolve(set, command.addressing));
  if (mode == CopyMode::move && selected.read_only()) co_return fail(kReadOnly, "The mailbox is read-only");
  bool ghosts = false;
  auto uids = selected.uids(resolved, ghosts);
  // RFC 2180 §4.4.1: a message named by its number that is gone; UIDs that are gone are passed over (RFC 9051 §6.4.9).
  if (ghosts && resolved.addressing == Addressing::sequence)
    co_return fail(kExpungeIssued, "Some of the messages are gone; nothing was done");
  const std::string_view word = mode == CopyMode::copy ? "COPY completed" : "MOVE completed";
  if (uids.empty()) {
    // Also kTryCreate's case: a UID command that names nothing succeeds.
    co_return done("No message there");
  }
  auto part = limited(session, std::move(uids));
  if (mode == CopyMode::copy && !part.code.empty()) co_return beyond_limit(session, std::move(part.code));
  std::optional<Progress> progress(std::in_place, session, command.tag);
  auto outcome = CO_TRY(co_await selected.mailbox().copy(std::move(part.uids), target, mode));
  progress.reset();
  if (session.notifications != nullptr) session.notifications->expect_messages(session, target, outcome.to);
  std::string code;
  if (!outcome.from.empty())
    code = "COPYUID " + std::to_string(outcome.uid_validity) + " " + outcome.from.text() + " " + outcome.to.text();
  if (mode == CopyMode::copy) co_return done(std::string(word), std::move(code));
  // RFC 6851 §4.3: COPYUID comes before the EXPUNGEs, untagged.
  if (!code.empty()) session.untagged(Status::ok, outcome.not_removed ? "Copied" : "Moved", code);
  if (outcome.not_removed) co_return std::unexpected(*std::move(outcome.not_removed));
  CO_TRY(co_await session.tell_news(CommandRow::Expunges::told, command.addressing));
  Reply reply = done(std::string(word));
  if (session.selected != nullptr && session.has(kCondstore))
    reply.code = "HIGHESTMODSEQ " + std::to_string(session.selected->view().highest_modseq());
  co_return with_limit(session, std::move(reply), part.code);
}

}  // namespace

io::Task<Result<Reply>> copy(Session& session, Command& command) { return transfer(session, command, CopyMode::copy); }

io::Task<Result<Reply>> move(Session& session, Command& command) { return transfer(session, command, CopyMode::move); }

}  // namespace angarium::protocol::imap::command
