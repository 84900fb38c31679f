// GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208, RFC 2087).
#include "protocol/imap/limits.h"
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

namespace {

/// "* QUOTA root (STORAGE 1 10 MESSAGE 2 3)": storage in units of 1024 octets (RFC 9208 §5.1), begun ones counted.
void append_quota(Session& session, const QuotaRoot& root) {
  const auto units = [](std::uint64_t octets) { return octets / 1024 + (octets % 1024 != 0 ? 1 : 0); };
  auto& out = session.text();
  out += "* QUOTA ";
  append_astring(out, root.name, session.strings());
  out += " (";
  bool first = true;
  for (const auto& [kind, usage, limit] : root.resources) {
    const bool storage = kind == QuotaResource::Kind::storage;
    if (!first) out += ' ';
    first = false;
    out += storage ? "STORAGE " : "MESSAGE ";
    append_number(out, storage ? units(usage) : usage);
    out += ' ';
    append_number(out, storage ? units(limit) : limit);
  }
  out += ")\r\n";
}

/// setquota-list; what it says is not kept, for nobody sets quotas here.
Result<void> setquota_list(Parser& parser) {
  TRY(parser.require('('));
  std::size_t count = 0;
  while (!parser.present(')')) {
    if (++count > kQuotaResourcesMax) return parser.expected("fewer resources");
    if (count > 1) TRY(parser.space());
    TRY(parser.atom());
    TRY(parser.space());
    TRY(parser.number64());
  }
  return {};
}

}  // namespace

io::Task<Result<Reply>> getquota(Session& session, Command& command) {
  auto& parser = command.parser;
  auto root = CO_TRY(parser.astring());
  CO_TRY(parser.end());
  append_quota(session, CO_TRY(co_await session.account->quota(std::move(root))));
  co_return done("GETQUOTA completed");
}

io::Task<Result<Reply>> getquotaroot(Session& session, Command& command) {
  auto& parser = command.parser;
  const auto name = CO_TRY(parser.mailbox());
  CO_TRY(parser.end());
  const auto roots = CO_TRY(co_await session.account->quota_roots(name));
  auto& out = session.text();
  out += "* QUOTAROOT ";
  append_mailbox(out, name, session.names());
  for (const auto& root : roots) {
    out += ' ';
    append_astring(out, root.name, session.strings());
  }
  out += "\r\n";
  for (const auto& root : roots) append_quota(session, root);
  co_return done("GETQUOTAROOT completed");
}

/// Limits are set by who administers the accounts, not by those who use them.
io::Task<Result<Reply>> setquota(Session& session, Command& command) {
  auto& parser = command.parser;
  auto root = CO_TRY(parser.astring());
  CO_TRY(parser.space());
  CO_TRY(setquota_list(parser));
  CO_TRY(parser.end());
  CO_TRY(co_await session.account->quota(std::move(root)));
  co_return fail(kNoPermission, "Quotas are set by the administrator");
}

}  // namespace angarium::protocol::imap::command
