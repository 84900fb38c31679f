// SEARCH and UID SEARCH (RFC 9051 §6.4.4, RFC 4731, RFC 5182, RFC 7162 §3.1.5,
// RFC 9394).
#include "protocol/imap/contexts.h"
#include "protocol/imap/message_limit.h"
#include "protocol/imap/progress.h"

namespace angarium::protocol::imap::command {
namespace {

void append_plain(std::string& out, const NumberSet& numbers, std::uint64_t modseq) {
  out += "* SEARCH";
  numbers.each([&](std::uint32_t number) {
    out += ' ';
    append_number(out, number);
  });
  if (modseq != 0) {
    out += " (MODSEQ ";
    append_number(out, modseq);
    out += ')';
  }
  out += "\r\n";
}

/// What is found, within the limit of messages that are looked at.
io::Task<Result<SearchResult>> find(Session& session, SearchProgram& program, std::string& limit) {
  if (!may_be_limited(session)) co_return co_await find_messages(session, program);
  CO_TRY(prepare_program(session, program));
  const auto part = limited(session, CO_TRY(searched(session, program)));
  limit = part.code;
  co_return co_await Searcher(session, *session.selected, program).run(&part.uids);
}

}  // namespace

io::Task<Result<Reply>> search(Session& session, Command& command) {
  const auto saving = asks_to_save(command.parser) ? Saving::yes : Saving::no;
  CO_TRY(co_await use_filters(session, command.parser));
  auto read = command.parser.search_program();
  if (!read) co_return refused(session, saving, std::move(read).error());
  auto program = *std::move(read);
  CO_TRY(command.parser.end());
  if (program.update && tag_is_used(session, command.tag)) co_return fail(kSyntax, "The tag is in use");
  std::optional<Progress> progress(std::in_place, session, command.tag);
  std::string limit;
  auto result = co_await find(session, program, limit);
  progress.reset();
  if (!result) co_return refused(session, saving, std::move(result).error());
  if (program.extended || session.has(kImap4rev2)) {
    // IMAP4rev2 answers a plain SEARCH with ESEARCH (RFC 9051 §6.4.4).
    const auto returns = static_cast<std::uint8_t>(program.extended ? program.returns : kReturnAll);
    const auto answer = answer_of(*result, command.addressing, returns, program.partial);
    if (saving == Saving::yes) session.selected->saved = to_save(*result, answer, returns);
    const Correlator correlator{.tag = command.tag, .addressing = command.addressing};
    tell_answer(session, *session.selected, correlator, program, returns, *result, answer);
    // RFC 5267 §4.3.1: what was left out could not be told from what comes.
    if (program.update && !limit.empty())
      refuse_updates(session, command.tag, "Not all messages were looked at");
    else if (program.update)
      CO_TRY(co_await keep_updated(session, correlator, std::move(program), *result));
  } else {
    const auto& numbers = command.addressing == Addressing::uid ? result->uids : result->numbers;
    append_plain(session.text(), numbers, program.uses_modseq ? result->modseq_max : 0);
  }
  CO_TRY(co_await session.room());
  co_return with_limit(session, done("SEARCH completed"), limit);
}

}  // namespace angarium::protocol::imap::command
