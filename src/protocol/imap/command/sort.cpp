// SORT and UID SORT (RFC 5256 §3, RFC 5957, RFC 7162 §3.1.9), with RETURN (RFC
// 5267 §3).
#include "protocol/imap/contexts.h"
#include "protocol/imap/progress.h"

namespace angarium::protocol::imap::command {
namespace {

struct Ordered {
  SearchResult found;
  std::vector<Sorted> order;
};

io::Task<Result<Ordered>> order(Session& session, const Command& command, SortProgram& program) {
  const Progress progress(session, command.tag);
  Ordered ordered;
  ordered.found = CO_TRY(co_await find_messages(session, program.search));
  ordered.order = CO_TRY(co_await sort_found(session, ordered.found, program.criteria));
  co_return ordered;
}

io::Task<Result<void>> tell_plain(Session& session, const Command& command, const Ordered& ordered,
                                  std::uint64_t modseq) {
  session.text() += "* SORT";
  for (const auto& message : ordered.order) {
    session.text() += ' ';
    append_number(session.text(), command.addressing == Addressing::uid ? message.uid : message.sequence);
    CO_TRY(co_await session.room());
  }
  if (modseq != 0) session.text() += " (MODSEQ " + std::to_string(modseq) + ")";
  session.text() += "\r\n";
  co_return Result<void>{};
}

}  // namespace

io::Task<Result<Reply>> sort(Session& session, Command& command) {
  const auto saving = asks_to_save(command.parser) ? Saving::yes : Saving::no;
  CO_TRY(co_await use_filters(session, command.parser));
  auto read = command.parser.sort_program();
  if (!read) co_return refused(session, saving, std::move(read).error());
  auto program = *std::move(read);
  CO_TRY(command.parser.end());
  const auto& search = program.search;
  if (search.update && tag_is_used(session, command.tag)) co_return fail(kSyntax, "The tag is in use");
  const auto ordered = co_await order(session, command, program);
  if (!ordered) co_return refused(session, saving, ordered.error());
  if (search.extended) {
    const auto answer = answer_of(ordered->order, command.addressing, search.returns, search.partial);
    if (saving == Saving::yes) session.selected->saved = to_save(ordered->found, answer, search.returns);
    const Correlator correlator{.tag = command.tag, .addressing = command.addressing};
    tell_answer(session, *session.selected, correlator, search, search.returns, ordered->found, answer);
    if (search.update) CO_TRY(co_await keep_updated(session, correlator, search, ordered->found, program.criteria));
  } else {
    CO_TRY(co_await tell_plain(session, command, *ordered, search.uses_modseq ? ordered->found.modseq_max : 0));
  }
  CO_TRY(co_await session.room());
  co_return done("SORT completed");
}

}  // namespace angarium::protocol::imap::command
