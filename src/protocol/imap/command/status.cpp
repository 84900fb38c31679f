// STATUS (RFC 9051 §6.3.11, RFC 8438, RFC 7162 §3.1.7, RFC 7889 §3, RFC 8474 §4.3,
// RFC 9208 §4.1.4).
#include "protocol/imap/command/status.h"

#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

void append_status(Session& session, std::string_view name, std::uint32_t items, const StatusValues& values) {
  auto& out = session.text();
  out += "* STATUS ";
  append_mailbox(out, name, session.names());
  out += " (";
  bool first = true;
  const auto item = [&](StatusBit bit, std::string_view word, std::uint64_t value) {
    if ((items & bit) == 0) return;
    if (!first) out += ' ';
    first = false;
    (out += word) += ' ';
    append_number(out, value);
  };
  item(kStatusMessages, "MESSAGES", values.messages);
  item(kStatusUidNext, "UIDNEXT", values.uid_next);
  item(kStatusUidValidity, "UIDVALIDITY", values.uid_validity);
  item(kStatusUnseen, "UNSEEN", values.unseen);
  item(kStatusRecent, "RECENT", values.recent);
  item(kStatusDeleted, "DELETED", values.deleted);
  item(kStatusDeletedStorage, "DELETED-STORAGE", values.deleted_octets);
  item(kStatusSize, "SIZE", values.octets);
  item(kStatusHighestModseq, "HIGHESTMODSEQ", values.highest_modseq);
  if ((items & kStatusAppendLimit) != 0) {
    // RFC 7889 §3: NIL when there is none.
    if (values.append_limit) {
      item(kStatusAppendLimit, "APPENDLIMIT", *values.append_limit);
    } else {
      out += first ? "APPENDLIMIT NIL" : " APPENDLIMIT NIL";
      first = false;
    }
  }
  if ((items & kStatusMailboxId) != 0 && !values.id.empty()) {
    out += first ? "MAILBOXID (" : " MAILBOXID (";
    (out += values.id) += ')';
  }
  out += ")\r\n";
}

io::Task<Result<StatusValues>> status_values(Session& session, std::string name, std::uint32_t items) {
  auto values = CO_TRY(co_await session.account->status(name));
  if ((items & kStatusDeletedStorage) != 0 && values.deleted != 0)
    values.deleted_octets = CO_TRY(co_await session.account->deleted_octets(std::move(name)));
  if (!values.append_limit) values.append_limit = session.options.append_limit;
  co_return values;
}

io::Task<Result<Reply>> status(Session& session, Command& command) {
  auto& parser = command.parser;
  const auto name = CO_TRY(parser.mailbox());
  CO_TRY(parser.space());
  const auto items = CO_TRY(parser.status_attributes());
  CO_TRY(parser.end());
  const auto values = CO_TRY(co_await status_values(session, name, items));
  if ((items & kStatusHighestModseq) != 0) session.enable_condstore();
  append_status(session, name, items, values);
  co_return done("STATUS completed");
}

}  // namespace angarium::protocol::imap::command
