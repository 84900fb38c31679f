// LOGIN (RFC 9051 §6.2.3).
#include "base/text.h"
#include "protocol/imap/command/welcome.h"
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

io::Task<Result<Reply>> login(Session& session, Command& command) {
  auto& parser = command.parser;
  auto user = CO_TRY(parser.astring());
  CO_TRY(parser.space());
  auto password = CO_TRY(parser.astring());
  CO_TRY(parser.end());
  if (!session.authenticator.login_permitted()) {
    wipe(password);
    co_return fail(kPrivacyRequired, "Start TLS first: passwords are not taken over an open line");
  }
  auto account = co_await session.authenticator.login(std::move(user), std::move(password));
  co_return welcome(session, std::move(account));
}

}  // namespace angarium::protocol::imap::command
