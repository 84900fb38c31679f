// AUTHENTICATE (RFC 9051 §6.2.2) with an initial response (RFC 4959).
#include "base/text.h"
#include "protocol/imap/command/welcome.h"
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

Result<Reply> welcome(Session& session, Result<std::shared_ptr<Account>> account) {
  if (!account) {
    if (account.error().fault() == Fault::user && ++session.failed_logins >= kFailedLoginsMax) {
      session.bye("Too many failed logins");
      session.after = Session::After::end;
    }
    return std::unexpected(std::move(account).error());
  }
  session.begin_account(*std::move(account));
  return done("Welcome", "CAPABILITY " + session.capabilities());
}

io::Task<Result<Reply>> authenticate(Session& session, Command& command) {
  auto& parser = command.parser;
  // auth-type = atom; names have letters, digits, "-" and "_" (RFC 4422 §3.1).
  auto mechanism = to_upper(CO_TRY(parser.atom()));
  std::optional<std::string> response;
  if (parser.present(' ')) {
    // RFC 4959 §3: "=" stands for an empty initial response.
    if (parser.rest() == "=") {
      response = "";
    } else {
      response = from_base64(parser.rest());
      if (!response) co_return fail(kSyntax, "Initial response is not base64");
    }
  } else {
    CO_TRY(parser.end());
  }
  auto exchange = CO_TRY(co_await session.authenticator.authenticate(std::move(mechanism)));
  for (;;) {
    auto step = co_await exchange->respond(std::move(response));
    if (!step) co_return welcome(session, std::unexpected(std::move(step).error()));
    if (step->account != nullptr) co_return welcome(session, std::move(step->account));
    auto line = CO_TRY(co_await session.ask(to_base64(step->challenge)));
    // RFC 9051 §6.2.2: "*" gives up, and gets BAD.
    if (line == "*") co_return fail(kSyntax, "Authentication given up");
    response = from_base64(line);
    wipe(line);
    if (!response) co_return fail(kSyntax, "Response is not base64");
  }
}

}  // namespace angarium::protocol::imap::command
