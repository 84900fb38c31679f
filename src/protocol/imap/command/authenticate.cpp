// AUTHENTICATE (RFC 9051 §6.2.2) with an initial response (RFC 4959).
#include "base/text.h"
#include "protocol/imap/command/welcome.h"
#include "protocol/imap/session.h"
#include "wire/saslsec/exchange.h"

namespace angarium::protocol::imap::command {
namespace {

/// RFC 5530 §3: what can be said of a login that failed.
Error told(Error error) {
  if (error.is(sasl::kBadCredentials) || error.is(sasl::kChannelBinding))
    return {kAuthenticationFailed, "Authentication failed"};
  if (error.is(sasl::kNotAuthorized) || error.is(sasl::kSecondFactor) || error.is(sasl::kOutOfScope))
    return {kAuthorizationFailed, error.text()};
  if (error.is(wire::saslsec::kTransition))
    return {kContactAdmin, "This account has no keys for this mechanism yet: log in once with the password itself"};
  return error;
}

Result<const sasl::Mechanism*> judge(Session& session, std::string_view name) {
  using wire::saslsec::Judgement;
  const sasl::Mechanism* mechanism = sasl::find_mechanism(name);
  switch (
      wire::saslsec::judge(mechanism, session.authenticator.enabled(), session.mechanisms(), session.connection())) {
    case Judgement::allowed: return mechanism;
    case Judgement::off: return fail(kCannot, "This mechanism is switched off here");
    case Judgement::needs_tls: return fail(kPrivacyRequired, "Start TLS first: this mechanism is not for an open line");
    case Judgement::unknown: break;
  }
  return fail(kCannot, "This mechanism is not offered here");
}

io::Task<Result<Reply>> exchange_messages(Session& session, const sasl::Mechanism& mechanism,
                                          std::optional<std::string> response) {
  wire::saslsec::Exchange exchange(mechanism, "imap", session.mechanisms(), session.connection(),
                                   session.authenticator.credentials());
  for (;;) {
    sasl::ServerStep step = co_await exchange.respond(std::move(response));
    if (auto* failure = std::get_if<sasl::Failure>(&step))
      co_return co_await turn_away(session, std::move(failure->error));
    if (auto* success = std::get_if<sasl::Success>(&step)) {
      session.layer = std::move(success->layer);
      co_return co_await welcome(session, std::move(success->identity), exchange.mechanism());
    }
    auto line = CO_TRY(co_await session.ask(to_base64(std::get<sasl::Challenge>(step).octets)));
    // RFC 9051 §6.2.2: "*" gives up, and gets BAD.
    if (line == "*") co_return fail(kSyntax, "Authentication given up");
    response = from_base64(line);
    wipe(line);
    if (!response) co_return fail(kSyntax, "Response is not base64");
  }
}

}  // namespace

io::Task<Result<Reply>> turn_away(Session& session, Error error) {
  error = told(co_await session.authenticator.refused(std::move(error)));
  if (error.fault() == Fault::user && ++session.failed_logins >= kFailedLoginsMax) {
    session.bye("Too many failed logins");
    session.after = Session::After::end;
  }
  co_return std::unexpected(std::move(error));
}

io::Task<Result<Reply>> welcome(Session& session, sasl::Identity identity, std::string_view mechanism) {
  auto account = co_await session.authenticator.open(std::move(identity), mechanism);
  if (!account) {
    session.layer.reset();
    // RFC 2221 §4: after who it is was proved, and no failed login.
    if (account.error().is(kReferral)) co_return std::unexpected(std::move(account).error());
    co_return co_await turn_away(session, std::move(account).error());
  }
  session.begin_account(*std::move(account));
  // RFC 9051 §6.2.2: what stands before the layer is not protected, so it tells no capabilities.
  if (session.layer != nullptr) {
    session.after = Session::After::secure;
    co_return done("Welcome");
  }
  co_return done("Welcome", "CAPABILITY " + session.capabilities());
}

io::Task<Result<Reply>> authenticate(Session& session, Command& command) {
  auto& parser = command.parser;
  // auth-type = atom; names have letters, digits, "-" and "_" (RFC 4422 §3.1).
  const auto name = to_upper(CO_TRY(parser.atom()));
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
  const sasl::Mechanism* mechanism = CO_TRY(judge(session, name));
  co_return co_await exchange_messages(session, *mechanism, std::move(response));
}

}  // namespace angarium::protocol::imap::command
