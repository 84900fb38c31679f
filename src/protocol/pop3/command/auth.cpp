#include <optional>
#include <string>
#include <utility>

#include "base/text.h"
#include "protocol/pop3/session.h"
#include "protocol/pop3/writer.h"
#include "sasl/line.h"
#include "sasl/mechanism.h"
#include "wire/saslsec/exchange.h"

namespace angarium::protocol::pop3 {
namespace {

/// The response to a challenge; an error of the client's ends the exchange only, any other one the connection.
io::Task<Result<Result<std::string>>> response(Session& session) {
  auto line = co_await session.next_line(kSaslLineMax);
  if (line) co_return sasl::decode_response(*line);
  if (line.error().is(wire::kLineTooLong))
    co_return Result<std::string>(fail(sasl::kTooLong, "the response is too long"));
  co_return std::unexpected(std::move(line).error());
}

io::Task<Result<>> exchange_messages(Session& session, const sasl::Mechanism& mechanism,
                                     std::optional<std::string> initial) {
  wire::saslsec::Exchange exchange(mechanism, "pop", session.offered_mechanisms(), session.connection(),
                                   session.authenticator.credentials());
  std::optional<std::string> octets = std::move(initial);
  for (;;) {
    sasl::ServerStep step = co_await exchange.respond(std::move(octets));
    if (auto* success = std::get_if<sasl::Success>(&step)) {
      CO_TRY(co_await session.enter(
          {.identity = std::move(success->identity), .mechanism = std::string(exchange.mechanism())}));
      // RFC 5034 §4: behind +OK; who was not let in has no layer.
      if (success->layer != nullptr && session.maildrop) CO_TRY(co_await session.secure(std::move(success->layer)));
      co_return Result<>();
    }
    if (auto* failure = std::get_if<sasl::Failure>(&step)) co_return co_await session.login_failed(failure->error);
    write_challenge(session.output.text(), std::get<sasl::Challenge>(step).octets);
    auto said = CO_TRY(co_await response(session));
    if (!said) co_return co_await session.login_failed(said.error());
    octets = *std::move(said);
  }
}

/// Why a mechanism may not be used; nothing where it may.
std::optional<std::string_view> judge(Session& session, const sasl::Mechanism* mechanism) {
  using wire::saslsec::Judgement;
  switch (
      wire::saslsec::judge(mechanism, session.options.mechanisms, session.offered_mechanisms(), session.connection())) {
    case Judgement::allowed: return std::nullopt;
    case Judgement::off: return "this mechanism is switched off here";
    case Judgement::needs_tls: return "this mechanism needs TLS: use STLS first, or the port for TLS";
    case Judgement::unknown: break;
  }
  return "this mechanism is not offered on this connection";
}

/// AUTH alone: older clients ask so for the list, from before CAPA.
void list_mechanisms(Session& session) {
  session.ok("mechanisms follow");
  std::string& text = session.output.text();
  for (const sasl::Mechanism* one : session.offered_mechanisms()) {
    text += one->name;
    text += "\r\n";
  }
  text += ".\r\n";
}

}  // namespace

// RFC 5034 §4, AUTH.
Answer auth(Session& session, Parameters parameters) {
  session.user.reset();
  if (!parameters.present()) {
    list_mechanisms(session);
    return Result<>();
  }
  const auto name = parameters.require();
  const auto initial =
      name && parameters.present() ? parameters.require() : Result<std::string_view>(std::string_view());
  const auto end = parameters.end();
  if (!name || !initial || !end) {
    session.refuse_bad("AUTH takes a mechanism and an initial response");
    return Result<>();
  }
  const sasl::Mechanism* mechanism = sasl::find_mechanism(*name);
  // No code: other credentials would not help (RFC 3206 §4).
  if (const auto why = judge(session, mechanism)) {
    session.refuse(Code::none, *why);
    return Result<>();
  }
  if (initial->empty()) return exchange_messages(session, *mechanism, std::nullopt);
  auto octets = sasl::decode_initial_response(*initial);
  if (!octets) {
    session.refuse(octets.error());
    return Result<>();
  }
  return exchange_messages(session, *mechanism, *std::move(octets));
}

}  // namespace angarium::protocol::pop3
