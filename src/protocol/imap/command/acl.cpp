// SETACL, DELETEACL, GETACL, LISTRIGHTS and MYRIGHTS (RFC 4314 §3).
#include "protocol/imap/command/acl.h"

#include "protocol/imap/session.h"
#include "sasl/prepare.h"

namespace angarium::protocol::imap::command {

namespace {

/// identifier = astring; "-" in front denies (RFC 4314 §2). Prepared, or BAD (§3).
struct Identifier {
  std::string written;
  std::string name;
  AccessLine::Sense sense = AccessLine::Sense::grant;
};

Result<Identifier> identifier(Parser& parser) {
  Identifier found;
  found.written = TRY(parser.astring());
  std::string_view name = found.written;
  if (name.starts_with('-')) {
    found.sense = AccessLine::Sense::deny;
    name.remove_prefix(1);
  }
  auto prepared = sasl::prepare_name(name);
  if (!prepared) return parser.expected("identifier before this");
  found.name = *std::move(prepared);
  return found;
}

struct Modification {
  AccessChange change = AccessChange::replace;
  Rights rights = 0;
};

/// mod-rights = astring: "+" or "-", then rights; one that is none is BAD (RFC 4314 §3.1).
Result<Modification> mod_rights(Parser& parser) {
  const std::string written = TRY(parser.astring());
  std::string_view letters = written;
  Modification found;
  if (letters.starts_with('+')) found.change = AccessChange::add;
  if (letters.starts_with('-')) found.change = AccessChange::remove;
  if (found.change != AccessChange::replace) letters.remove_prefix(1);
  const auto rights = rights_of_letters(letters);
  if (!rights) return fail(kSyntax, "Rights are letters of lrswipkxteacd");
  found.rights = *rights;
  return found;
}

void append_rights(std::string& out, Rights rights) { out += rights == 0 ? "\"\"" : rights_text(rights); }

}  // namespace

void append_my_rights(Session& session, std::string_view name, Rights rights) {
  auto& out = session.text();
  out += "* MYRIGHTS ";
  append_mailbox(out, name, session.names());
  out += ' ';
  append_rights(out, rights);
  out += "\r\n";
}

io::Task<Result<Reply>> setacl(Session& session, Command& command) {
  auto& parser = command.parser;
  auto name = CO_TRY(parser.mailbox());
  CO_TRY(parser.space());
  auto who = CO_TRY(identifier(parser));
  CO_TRY(parser.space());
  const auto [change, rights] = CO_TRY(mod_rights(parser));
  CO_TRY(parser.end());
  CO_TRY(co_await session.account->set_access(
      std::move(name), {.identifier = std::move(who.name), .sense = who.sense, .rights = rights}, change));
  co_return done("SETACL completed");
}

io::Task<Result<Reply>> deleteacl(Session& session, Command& command) {
  auto& parser = command.parser;
  auto name = CO_TRY(parser.mailbox());
  CO_TRY(parser.space());
  auto who = CO_TRY(identifier(parser));
  CO_TRY(parser.end());
  CO_TRY(co_await session.account->set_access(
      std::move(name), {.identifier = std::move(who.name), .sense = who.sense, .rights = 0}, AccessChange::replace));
  co_return done("DELETEACL completed");
}

io::Task<Result<Reply>> getacl(Session& session, Command& command) {
  const auto name = CO_TRY(command.parser.mailbox());
  CO_TRY(command.parser.end());
  const auto list = CO_TRY(co_await session.account->access(name));
  auto& out = session.text();
  out += "* ACL ";
  append_mailbox(out, name, session.names());
  for (const auto& [who, sense, rights] : list) {
    out += ' ';
    append_astring(out, (sense == AccessLine::Sense::deny ? "-" : "") + who, session.strings());
    out += ' ';
    append_rights(out, rights);
  }
  out += "\r\n";
  co_return done("GETACL completed");
}

io::Task<Result<Reply>> listrights(Session& session, Command& command) {
  auto& parser = command.parser;
  const auto name = CO_TRY(parser.mailbox());
  CO_TRY(parser.space());
  auto who = CO_TRY(identifier(parser));
  CO_TRY(parser.end());
  const Rights always = CO_TRY(co_await session.account->always_granted(name, std::move(who.name)));
  auto& out = session.text();
  out += "* LISTRIGHTS ";
  append_mailbox(out, name, session.names());
  out += ' ';
  // RFC 4314 §3.4: as the client wrote it.
  append_astring(out, who.written, session.strings());
  out += ' ';
  append_rights(out, always);
  // RFC 4314 §2.1.1: no right is tied to another, and so "c" and "d" stand by themselves.
  if (always == 0)
    for (const char letter : rights_text(kAllRights)) (out += ' ') += letter;
  out += "\r\n";
  co_return done("LISTRIGHTS completed");
}

io::Task<Result<Reply>> myrights(Session& session, Command& command) {
  const auto name = CO_TRY(command.parser.mailbox());
  CO_TRY(command.parser.end());
  append_my_rights(session, name, CO_TRY(co_await session.account->rights(name)));
  co_return done("MYRIGHTS completed");
}

}  // namespace angarium::protocol::imap::command
