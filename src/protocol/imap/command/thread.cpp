// THREAD and UID THREAD (RFC 5256 §3).
#include "protocol/imap/progress.h"
#include "protocol/imap/searcher.h"
#include "protocol/imap/threader.h"

namespace angarium::protocol::imap::command {

io::Task<Result<Reply>> thread(Session& session, Command& command) {
  auto& parser = command.parser;
  const auto algorithm = CO_TRY(parser.thread_algorithm());
  CO_TRY(parser.space());
  SearchProgram program;
  CO_TRY(co_await use_filters(session, parser));
  CO_TRY(parser.search_criteria(program));
  CO_TRY(parser.end());
  std::optional<Progress> progress(std::in_place, session, command.tag);
  const auto found = CO_TRY(co_await find_messages(session, program));
  const auto threader = CO_TRY(co_await thread_found(session, found.uids, algorithm, command.addressing));
  progress.reset();
  session.text() += "* THREAD";
  if (!found.uids.empty()) session.text() += ' ';
  while (threader->write_some(session.text())) CO_TRY(co_await session.room());
  session.text() += "\r\n";
  CO_TRY(co_await session.room());
  co_return done("THREAD completed");
}

}  // namespace angarium::protocol::imap::command
