// SELECT and EXAMINE (RFC 9051 §6.3.2, §6.3.3) with CONDSTORE and QRESYNC (RFC 7162).
#include "protocol/imap/command/list.h"
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

namespace {

struct Parameters {
  bool condstore = false;
  std::optional<Resynchronise> resynchronise;
};

/// QRESYNC SP "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")" (RFC 7162 §3.2.5).
Result<Resynchronise> resynchronise(Parser& parser) {
  Resynchronise known;
  TRY(parser.require('('));
  known.uid_validity = TRY(parser.nz_number());
  TRY(parser.space());
  known.modseq = TRY(parser.mod_sequence_value());
  if (parser.present(' ') && parser.peek() != '(') {
    known.known_uids = TRY(parser.known_sequence_set());
    if (!parser.present(' ')) {
      TRY(parser.require(')'));
      return known;
    }
  }
  if (parser.present('(')) {
    known.sample_numbers = TRY(parser.known_sequence_set());
    TRY(parser.space());
    known.sample_uids = TRY(parser.known_sequence_set());
    TRY(parser.require(')'));
  }
  TRY(parser.require(')'));
  return known;
}

Result<Parameters> parameters(Parser& parser) {
  Parameters found;
  TRY(parser.require('('));
  do {
    const auto name = TRY(parser.word());
    if (name == "CONDSTORE" && !found.condstore) {
      found.condstore = true;
    } else if (name == "QRESYNC" && !found.resynchronise) {
      TRY(parser.space());
      found.resynchronise = TRY(resynchronise(parser));
    } else {
      return parser.expected("SELECT parameter before this");
    }
  } while (parser.present(' '));
  TRY(parser.require(')'));
  return found;
}

void append_code(Session& session, std::string_view name, std::uint64_t value, std::string_view words) {
  session.untagged(Status::ok, words, std::string(name) + " " + std::to_string(value));
}

void describe(Session& session) {
  const auto& selected = *session.selected;
  const auto& view = selected.view();
  session.tell_flags();
  session.tell_exists();
  // RFC 3501 §6.3.1; RFC 9051 dropped UNSEEN here; it is a message number (RFC 9586 §3).
  if (!session.has(kImap4rev2) && !session.has(kUidOnly)) {
    const auto unseen = view.first_unseen();
    if (unseen < view.size()) append_code(session, "UNSEEN", unseen + 1, "First unseen");
  }
  append_code(session, "UIDVALIDITY", selected.facts().uid_validity, "UIDs are valid");
  append_code(session, "UIDNEXT", view.uid_next(), "Next UID");
  append_code(session, "HIGHESTMODSEQ", view.highest_modseq(), "Highest");
  if (!selected.facts().id.empty()) session.untagged(Status::ok, "Mailbox", "MAILBOXID (" + selected.facts().id + ")");
}

/// The UIDs the client may still have wrong: those above the last sample that agrees (RFC 7162 §3.2.5.2).
NumberSet in_doubt(const Session& session, const Resynchronise& known) {
  const auto& view = session.selected->view();
  const auto top = view.uid_next() - 1;
  NumberSet uids = known.known_uids ? known.known_uids->resolve(top) : top > 0 ? NumberSet({{1, top}}) : NumberSet{};
  if (!known.sample_numbers || !known.sample_uids) return uids;
  const auto numbers = known.sample_numbers->resolve(UINT32_MAX);
  const auto samples = known.sample_uids->resolve(UINT32_MAX);
  if (numbers.count() != samples.count() || numbers.count() > kCommandMax) return uids;
  std::vector<std::uint32_t> number_list;
  numbers.each([&](std::uint32_t n) { number_list.push_back(n); });
  std::uint32_t agreed = 0;
  std::size_t at = 0;
  samples.each([&](std::uint32_t uid) {
    const auto index = view.lower_bound(uid);
    Entry entry;
    if (number_list[at++] == index + 1 && view.read(index, {&entry, 1}) == 1 && entry.uid == uid) agreed = uid;
  });
  return agreed == 0 ? uids : uids.difference(NumberSet({{1, agreed}}));
}

io::Task<Result<void>> catch_up(Session& session, const Resynchronise& known) {
  auto& selected = *session.selected;
  // Another UIDVALIDITY: the client's knowledge is of no use (RFC 7162 §3.2.5.1).
  if (known.uid_validity != selected.facts().uid_validity) co_return Result<void>{};
  const auto top = selected.view().uid_next() - 1;
  const auto gone = CO_TRY(co_await selected.mailbox().vanished(known.modseq, in_doubt(session, known)));
  if (!gone.empty()) {
    auto& out = session.text();
    out += "* VANISHED (EARLIER) ";
    gone.append_to(out);
    out += "\r\n";
  }
  Selected::Resolved all{known.known_uids ? known.known_uids->resolve(top) : NumberSet({{1, UINT32_MAX}}),
                         Addressing::uid};
  Cursor cursor(selected, std::move(all));
  for (auto batch = cursor.next(); !batch.empty(); batch = cursor.next()) {
    for (const auto& target : batch) {
      if (target.entry.modseq > known.modseq) session.tell_message(target, Addressing::uid);
    }
    CO_TRY(co_await session.room());
  }
  co_return Result<void>{};
}

io::Task<Result<Reply>> open(Session& session, Command& command, Access access) {
  auto& parser = command.parser;
  const auto written = name_as_written(parser);
  auto name = parser.mailbox();
  if (!name && name.error().fault() == Fault::syntax) co_return std::unexpected(std::move(name).error());
  Parameters wanted;
  if (parser.present(' ')) wanted = CO_TRY(parameters(parser));
  CO_TRY(parser.end());
  if (wanted.resynchronise && !session.has(kQresync)) co_return fail(kSyntax, "ENABLE QRESYNC comes first");
  // RFC 9586 §3.7.
  if (wanted.resynchronise && wanted.resynchronise->sample_numbers && session.has(kUidOnly))
    co_return fail(kUidRequired, "Message numbers are not allowed once UIDONLY is enabled");
  // Whatever happens, the old mailbox is left (RFC 9051 §6.3.2).
  if (session.selected != nullptr) {
    session.leave();
    session.untagged(Status::ok, "Previous mailbox is closed", "CLOSED");
  }
  if (wanted.condstore) session.enabled |= kCondstore;
  if (!name) co_return std::unexpected(std::move(name).error());
  auto mailbox = CO_TRY(co_await session.account->select(*name, access));
  // RFC 9051 §6.3.2: a LIST response tells the name.
  std::string row;
  if (session.has(kImap4rev2)) row = CO_TRY(co_await listed(session, *name, written));
  auto view = mailbox->view();
  if (view == nullptr) co_return fail(kNonExistent, "No such mailbox");
  session.selected = std::make_unique<Selected>(std::move(mailbox), std::move(view), session.wake);
  session.state = kSelected;
  describe(session);
  const auto url_key = session.selected->mailbox().url_key();
  session.selected->url_keys_removed = url_key.removed;
  // RFC 4467 §8: with what there is to be told of, that is a key.
  if (url_key.kept) session.untagged(Status::ok, "Signs URLs", "URLMECH INTERNAL");
  session.text() += row;
  if (wanted.resynchronise) CO_TRY(co_await catch_up(session, *wanted.resynchronise));
  if (session.selected->read_only()) co_return done("Selected, read-only", "READ-ONLY");
  co_return done("Selected", "READ-WRITE");
}

}  // namespace

io::Task<Result<Reply>> select(Session& session, Command& command) {
  return open(session, command, Access::read_write);
}

io::Task<Result<Reply>> examine(Session& session, Command& command) {
  return open(session, command, Access::read_only);
}

}  // namespace angarium::protocol::imap::command
