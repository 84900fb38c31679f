// NAMESPACE (RFC 9051 §6.3.10, RFC 2342).
#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

namespace {

void append_rows(std::string& out, const std::vector<NamespaceRow>& rows, NameForm form) {
  out += ' ';
  if (rows.empty()) {
    out += "NIL";
    return;
  }
  out += '(';
  for (const auto& row : rows) {
    out += '(';
    // A prefix is a string, never an atom (RFC 2342 §6).
    std::string prefix;
    append_mailbox(prefix, row.prefix, form);
    if (prefix.starts_with('"') || prefix.starts_with('{')) {
      out += prefix;
    } else {
      (out += '"') += prefix + '"';
    }
    ((out += " \"") += kHierarchyDelimiter) += "\")";
  }
  out += ')';
}

}  // namespace

io::Task<Result<Reply>> namespaces(Session& session, Command&) {
  const auto all = session.account->namespaces();
  auto& out = session.text();
  out += "* NAMESPACE";
  append_rows(out, all.personal, session.names());
  append_rows(out, all.others, session.names());
  append_rows(out, all.shared, session.names());
  out += "\r\n";
  co_return done("NAMESPACE completed");
}

}  // namespace angarium::protocol::imap::command
