#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/text.h"
#include "protocol/pop3/session.h"
#include "protocol/pop3/writer.h"
#include "sasl/line.h"
#include "sasl/mechanism.h"

namespace angarium::protocol::pop3 {
namespace {

/// Does what the exchange asks for, and gives it the answer.
io::Task<sasl::ServerStep> answer(Session& session, sasl::ServerExchange& exchange, sasl::ServerStep step) {
  if (auto* wanted = std::get_if<sasl::PasswordWanted>(&step)) {
    auto verdict = co_await session.authenticator.verify_password(wanted->identity, wanted->password);
    co_return exchange.answer_verdict(std::move(verdict));
  }
  if (auto* wanted = std::get_if<sasl::AuthorityWanted>(&step)) {
    auto verdict = co_await session.authenticator.verify_authority(wanted->identity);
    co_return exchange.answer_verdict(std::move(verdict));
  }
  if (auto* wanted = std::get_if<sasl::ScramKeysWanted>(&step)) {
    auto keys = co_await session.authenticator.scram_keys(wanted->identity, wanted->hash);
    co_return exchange.answer_scram(std::move(keys));
  }
  co_return step;
}

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
  sasl::ServerContext context = session.authenticator.sasl_context();
  context.bindings = session.channel_bindings();
  const auto shown = session.offered_mechanisms();
  const bool plus =
      std::ranges::any_of(shown, [](const sasl::Mechanism* one) { return one->binding == sasl::Binding::required; });
  context.plus_offered = plus ? sasl::PlusOffered::yes : sasl::PlusOffered::no;
  context.success_data = sasl::SuccessData::as_challenge;  // RFC 5034 §4
  const auto exchange = mechanism.serve(std::move(context));
  std::optional<std::string_view> first;
  if (initial) first = *initial;
  auto step = co_await answer(session, *exchange, exchange->start(first));
  while (auto* challenge = std::get_if<sasl::Challenge>(&step)) {
    write_challenge(session.output.text(), challenge->octets);
    auto octets = CO_TRY(co_await response(session));
    if (!octets) co_return co_await session.login_failed(octets.error());
    step = co_await answer(session, *exchange, exchange->step(*octets));
    wipe(*octets);
  }
  if (auto* failure = std::get_if<sasl::Failure>(&step)) co_return co_await session.login_failed(failure->error);
  co_return co_await session.enter(
      {.identity = std::get<sasl::Success>(step).identity, .mechanism = std::string(mechanism.name)});
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
  const auto shown = session.offered_mechanisms();
  if (mechanism == nullptr || std::ranges::find(shown, mechanism) == shown.end()) {
    session.refuse(Code::none, "this mechanism is not offered on this connection");
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
