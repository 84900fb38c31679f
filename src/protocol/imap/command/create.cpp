// CREATE (RFC 9051 §6.3.4) with a special use (RFC 6154 §3).
#include "base/text.h"
#include "protocol/imap/command/list.h"
#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/notifications.h"

namespace angarium::protocol::imap::command {

namespace {

/// create-param = "USE" SP "(" [use-attr *(SP use-attr)] ")" (RFC 6154 §6, RFC 4466 §2.2).
Result<std::uint32_t> special_use(Parser& parser) {
  TRY(parser.require('('));
  TRY(parser.require("USE"));
  TRY(parser.space());
  TRY(parser.require('('));
  std::uint32_t uses = 0;
  while (parser.peek() != ')') {
    if (uses != 0) TRY(parser.space());
    TRY(parser.require('\\'));
    const auto name = TRY(parser.atom());
    std::uint32_t found = 0;
    for (std::size_t bit = 0; bit < std::size(kNameAttributes); ++bit) {
      if (equals_ignore_case(kNameAttributes[bit].substr(1), name)) found = (1U << bit) & kNameSpecialUse;
    }
    if (found == 0) return fail(kUseAttr, "Unknown special use");
    uses |= found;
  }
  TRY(parser.require(')'));
  TRY(parser.require(')'));
  return uses;
}

}  // namespace

io::Task<Result<Reply>> create(Session& session, Command& command) {
  auto& parser = command.parser;
  auto written = name_as_written(parser);
  auto name = CO_TRY(parser.mailbox());
  std::uint32_t uses = 0;
  if (parser.present(' ')) uses = CO_TRY(special_use(parser));
  CO_TRY(parser.end());
  // RFC 9051 §6.3.4: it is an error to create INBOX.
  if (name == "INBOX") co_return fail(kAlreadyExists, "INBOX exists always");
  if (session.notifications != nullptr) session.notifications->expect(name);
  const auto id = CO_TRY(co_await session.account->create(name, uses));
  // RFC 9051 §6.3.4: the name a normalised one became is told. A delimiter at the end only announces inferior names.
  if (written.ends_with(kHierarchyDelimiter)) written.pop_back();
  if (session.has(kImap4rev2) && written != name) session.text() += CO_TRY(co_await listed(session, name, written));
  // RFC 8474 §4.2.
  co_return done("CREATE completed", id.empty() ? "" : "MAILBOXID (" + id + ")");
}

}  // namespace angarium::protocol::imap::command
