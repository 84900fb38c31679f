// STORE (RFC 9051 §6.4.6) with UNCHANGEDSINCE (RFC 7162 §3.1.3).
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

namespace {

struct Arguments {
  SequenceSet set;
  StoreRequest request;
  bool silent = false;
};

Result<Arguments> arguments(Parser& parser) {
  Arguments found;
  found.set = TRY(parser.sequence_set());
  TRY(parser.space());
  if (parser.present('(')) {
    // store-modifiers (RFC 4466 §2.5, RFC 7162 §3.1.3)
    TRY(parser.require("UNCHANGEDSINCE"));
    TRY(parser.space());
    found.request.unchanged_since = TRY(parser.mod_sequence_valzer());
    TRY(parser.require(')'));
    TRY(parser.space());
  }
  found.request.change = FlagChange::replace;
  if (parser.present('+')) {
    found.request.change = FlagChange::add;
  } else if (parser.present('-')) {
    found.request.change = FlagChange::remove;
  }
  const auto name = TRY(parser.word());
  if (name != "FLAGS" && name != "FLAGS.SILENT") return parser.expected("FLAGS or FLAGS.SILENT before this");
  found.silent = name == "FLAGS.SILENT";
  TRY(parser.space());
  found.request.flags = TRY(parser.store_flags());
  TRY(parser.end());
  return found;
}

/// FETCH responses for what was stored: FLAGS unless silent, MODSEQ where CONDSTORE is on (RFC 7162 §3.1.3).
io::Task<Result<void>> tell(Session& session, Selected::Resolved resolved, Addressing addressing, const NumberSet& told,
                            bool silent) {
  if (silent && !session.has(kCondstore)) co_return Result<void>{};
  Cursor cursor(*session.selected, std::move(resolved));
  for (auto batch = cursor.next(); !batch.empty(); batch = cursor.next()) {
    for (const auto& target : batch) {
      if (!told.contains(target.entry.uid)) continue;
      if (!silent) {
        session.tell_message(target, addressing);
        continue;
      }
      auto& out = session.text();
      out += "* ";
      append_number(out, target.sequence);
      out += " FETCH (UID ";
      append_number(out, target.entry.uid);
      out += " MODSEQ (";
      append_number(out, target.entry.modseq);
      out += "))\r\n";
    }
    CO_TRY(co_await session.room());
  }
  co_return Result<void>{};
}

/// The code's numbers are of the kind the command uses (RFC 7162 §3.1.3).
NumberSet as_numbers(const Selected& selected, const NumberSet& uids, Addressing addressing) {
  if (addressing == Addressing::uid) return uids;
  NumberSet numbers;
  uids.each([&](std::uint32_t uid) {
    if (const auto target = selected.find(uid)) numbers.add(target->sequence);
  });
  return numbers;
}

}  // namespace

io::Task<Result<Reply>> store(Session& session, Command& command) {
  auto found = CO_TRY(arguments(command.parser));
  auto& selected = *session.selected;
  const auto resolved = CO_TRY(selected.resolve(found.set, command.addressing));
  if (selected.read_only()) co_return fail(kReadOnly, "The mailbox is read-only");
  if (found.request.unchanged_since) session.enable_condstore();
  bool ghosts = false;
  auto uids = selected.uids(resolved, ghosts);
  found.request.uids = uids;
  NumberSet modified;
  if (!uids.empty()) modified = CO_TRY(co_await selected.mailbox().store(std::move(found.request))).modified;
  const auto stored = uids.difference(modified);
  session.tell_news(CommandRow::Expunges::withheld, Addressing::sequence, &stored);
  if (session.selected == nullptr) co_return fail(kNonExistent, "The mailbox was deleted");
  CO_TRY(co_await tell(session, resolved, command.addressing, stored, found.silent));
  // RFC 2180 §4.2.1: the others were changed.
  if (ghosts && resolved.addressing == Addressing::sequence)
    co_return fail(kExpungeIssued, "Some of the messages are gone");
  if (!modified.empty())
    co_return done("Conditional STORE left some alone",
                   "MODIFIED " + as_numbers(selected, modified, command.addressing).text());
  co_return done("STORE completed");
}

}  // namespace angarium::protocol::imap::command
