// FETCH and UID FETCH (RFC 9051 §6.4.5) with CHANGEDSINCE and VANISHED (RFC 7162 §3.1.4, §3.2.6) and PARTIAL (RFC 9394
// §3.3).
#include "protocol/imap/fetcher.h"
#include "protocol/imap/message_limit.h"

namespace angarium::protocol::imap::command {
namespace {

/// The messages of the set in the range asked for (RFC 9394 §3.3); CHANGEDSINCE then leaves some of them (§3.4).
Selected::Resolved part_of(const Selected& selected, const Selected::Resolved& all, const FetchProgram& program) {
  NumberSet uids;
  Cursor cursor(selected, all);
  for (auto batch = cursor.next(); !batch.empty(); batch = cursor.next()) {
    for (const auto& target : batch) {
      if (!target.ghost) uids.add(target.entry.uid);
    }
  }
  const auto places = program.partial->of(uids.count());
  return {.numbers = uids.slice(places.begin, places.end), .addressing = Addressing::uid};
}

}  // namespace

io::Task<Result<Reply>> fetch(Session& session, Command& command) {
  auto& parser = command.parser;
  const auto set = CO_TRY(parser.sequence_set());
  CO_TRY(parser.space());
  auto program = CO_TRY(parser.fetch_attributes());
  CO_TRY(parser.end());
  if (program.vanished && (command.addressing != Addressing::uid || !session.has(kQresync)))
    co_return fail(kSyntax, "VANISHED belongs to UID FETCH after ENABLE QRESYNC");
  auto& selected = *session.selected;
  auto resolved = CO_TRY(selected.resolve(set, command.addressing));
  if (program.partial && command.addressing != Addressing::uid) co_return fail(kSyntax, "PARTIAL belongs to UID FETCH");
  if ((program.items & kFetchModseq) != 0) session.enable_condstore();
  if (program.vanished) {
    // What is gone may lie above the largest UID that is there: "*" reaches all that were ever given.
    const auto asked = set.saved ? resolved.numbers : set.resolve(selected.view().uid_next() - 1);
    const auto gone = CO_TRY(co_await selected.mailbox().vanished(*program.changed_since, asked));
    if (!gone.empty()) session.text() += "* VANISHED (EARLIER) " + gone.text() + "\r\n";
  }
  if (program.partial) resolved = part_of(selected, resolved, program);
  std::string limit;
  bool ghosts = false;
  if (may_be_limited(session)) {
    auto part = limited(session, selected.uids(resolved, ghosts));
    limit = std::move(part.code);
    // RFC 9738 §3.1: a range that the client counted itself is refused.
    if (!limit.empty() && program.partial) co_return beyond_limit(session);
    if (!limit.empty()) resolved = {.numbers = std::move(part.uids), .addressing = Addressing::uid};
  }
  Fetcher fetcher(session, std::move(program), command.addressing);
  auto told = co_await fetcher.run(std::move(resolved));
  if (!told) co_return std::unexpected(with_limit(session, std::move(told).error(), limit));
  // RFC 2180 §4.1.2: without a limit they are answered from what is known of them, here they were left out.
  if (ghosts && !limit.empty() && command.addressing == Addressing::sequence)
    co_return std::unexpected(with_limit(session, {kExpungeIssued, "Some of the messages are gone"}, limit));
  co_return with_limit(session, done("FETCH completed", fetcher.code()), limit);
}

}  // namespace angarium::protocol::imap::command
