// APPEND (RFC 9051 §6.3.12, RFC 3502, RFC 3516 §4.4, RFC 4469, RFC 6855 §4, RFC 7889).
#include "protocol/imap/command/appending.h"
#include "protocol/imap/message_limit.h"
#include "protocol/imap/notifications.h"
#include "protocol/imap/progress.h"

namespace angarium::protocol::imap::command {

namespace {

io::Task<Result<Reply>> append_all(Session& session, Command& command, Appending& appending) {
  Parser& parser = command.parser;
  const auto name = CO_TRY(co_await appending.mailbox());
  CO_TRY(parser.space());
  auto append = CO_TRY(co_await session.account->append(name));
  std::size_t messages = 0;
  do {
    const auto limit = session.options.message_limit;
    if (++messages > limit && limit != 0) {
      CO_TRY(co_await session.drop_literals());
      co_return beyond_limit(session);
    }
    if (messages > kAppendMessagesMax) co_return fail(kLimit, "Too many messages in one APPEND");
    CO_TRY(co_await appending.message(*append));
  } while (parser.present(' '));
  CO_TRY(parser.end());
  std::optional<Progress> progress(std::in_place, session, command.tag);
  const auto outcome = CO_TRY(co_await append->commit());
  progress.reset();
  if (session.notifications != nullptr) session.notifications->expect_messages(session, name, outcome.uids);
  if (outcome.uids.empty()) co_return done("APPEND completed");
  // RFC 4315 §3; RFC 3502 §6.3.11: all UIDs in one set.
  co_return done("APPEND completed", append_uid(outcome));
}

}  // namespace

std::string append_uid(const AppendOutcome& outcome) {
  return "APPENDUID " + std::to_string(outcome.uid_validity) + " " + outcome.uids.text();
}

io::Task<Result<Reply>> append(Session& session, Command& command) {
  Appending appending(session, command.parser);
  auto result = co_await append_all(session, command, appending);
  if (!result) co_return co_await appending.refuse(std::move(result).error());
  co_return result;
}

}  // namespace angarium::protocol::imap::command
