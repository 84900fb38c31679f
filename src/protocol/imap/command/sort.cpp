// SORT and UID SORT (RFC 5256 §3, RFC 5957, RFC 7162 §3.1.5).
#include "protocol/imap/searcher.h"
#include "protocol/imap/sorter.h"

namespace angarium::protocol::imap::command {

io::Task<Result<Reply>> sort(Session& session, Command& command) {
  auto& parser = command.parser;
  const auto criteria = CO_TRY(parser.sort_criteria());
  CO_TRY(parser.space());
  auto program = CO_TRY(parser.search_criteria());
  CO_TRY(parser.end());
  const auto found = CO_TRY(co_await find_messages(session, program));
  const auto order = CO_TRY(co_await sort_found(session, found.uids, criteria));
  session.text() += "* SORT";
  for (const auto& message : order) {
    session.text() += ' ';
    append_number(session.text(), command.addressing == Addressing::uid ? message.uid : message.sequence);
    CO_TRY(co_await session.room());
  }
  if (program.uses_modseq && found.modseq_max != 0)
    session.text() += " (MODSEQ " + std::to_string(found.modseq_max) + ")";
  session.text() += "\r\n";
  CO_TRY(co_await session.room());
  co_return done("SORT completed");
}

}  // namespace angarium::protocol::imap::command
