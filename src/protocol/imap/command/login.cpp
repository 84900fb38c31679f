// LOGIN (RFC 9051 §6.2.3).
#include "base/text.h"
#include "protocol/imap/command/welcome.h"
#include "protocol/imap/session.h"
#include "sasl/prepare.h"

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
  const sasl::Secret secret(std::move(password));
  auto name = sasl::prepare_name(user);
  auto prepared = sasl::prepare(secret.view(), sasl::kPasswordMax);
  // What nobody's name or password can be is as wrong as another's.
  if (!name || !prepared)
    co_return co_await turn_away(session, Error(sasl::kBadCredentials, "no such user name or password can be"));
  sasl::Identity identity{.authentication_id = *std::move(name), .authorization_id = {}};
  const sasl::Secret given(*std::move(prepared));
  auto verdict = co_await session.authenticator.credentials().verify_password(identity, given);
  if (!verdict) co_return co_await turn_away(session, std::move(verdict).error());
  co_return co_await welcome(session, std::move(identity), "LOGIN");
}

}  // namespace angarium::protocol::imap::command
