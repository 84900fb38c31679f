#include <memory>
#include <optional>

#include "base/text.h"
#include "io/loop.h"
#include "protocol/pop3/client.h"
#include "sasl/apop.h"
#include "sasl/line.h"
#include "sasl/prepare.h"
#include "wire/saslsec/client.h"

namespace angarium::protocol::pop3 {
namespace {

/// RFC 2449 §4, with the line end; RFC 5034 §4 holds initial responses to it.
constexpr std::size_t kCommandMax = 255;

sasl::ClientContext context_for(Credentials credentials) {
  sasl::ClientContext context;
  context.identity = std::move(credentials.identity);
  context.has = credentials.has;
  context.password = std::move(credentials.password);
  context.service = "pop";
  context.host = std::move(credentials.host);
  context.protection_min = credentials.protection_min;
  context.protection_max = credentials.protection_max;
  context.gss = std::move(credentials.gss);
  context.now = io::Loop::current().clock().wall();
  return context;
}

}  // namespace

io::Task<Result<>> Client::login(Credentials credentials) {
  if (asked_ == Asked::no) CO_TRY(co_await capa());
  CO_TRY(co_await log_in(std::move(credentials)));
  co_return co_await capa();
}

io::Task<Result<>> Client::log_in(Credentials credentials) {
  const bool plain = connection_->tls() != nullptr || options_.plaintext_without_tls == sasl::Plaintext::allowed;
  const sasl::Choice::Weak weak = credentials.weak;
  sasl::ClientContext context = context_for(std::move(credentials));
  std::vector<std::string> announced;
  if (const Capability* sasl_capability = capability("SASL")) announced = sasl_capability->parameters;
  const std::vector<std::string_view> names(announced.begin(), announced.end());
  const sasl::Mechanism* mechanism = wire::saslsec::choose_on(
      *connection_, names, context, plain ? sasl::Plaintext::allowed : sasl::Plaintext::refused, weak);
  if (mechanism != nullptr) co_return co_await login_sasl(*mechanism, std::move(context));
  const bool simple = context.has == sasl::Needs::password && context.identity.authorization_id.empty() &&
                      context.protection_min == sasl::Protection::none;
  if (simple && plain && (capabilities_.empty() || capability("USER") != nullptr))
    co_return co_await login_user(std::move(context));
  if (simple && weak == sasl::Choice::Weak::allowed && !timestamp_.empty())
    co_return co_await login_apop(std::move(context));
  co_return fail(kNoMechanism, "no way to log in that both sides have and that is safe on this connection");
}

/// RFC 4422 §3.7: what follows the outcome is the layer's.
Result<> Client::let_in(sasl::ClientExchange& exchange) {
  TRY(exchange.finish({}));
  auto over = wire::saslsec::secured(*connection_, exchange, input_);
  if (over == nullptr) return {};
  secured_ = std::move(over);
  connection_ = secured_.get();
  return {};
}

io::Task<Result<>> Client::login_sasl(const sasl::Mechanism& mechanism, sasl::ClientContext credentials) {
  const auto exchange = mechanism.use(std::move(credentials));
  std::optional<std::string> initial = CO_TRY(exchange->initial_response());
  std::string line = "AUTH " + std::string(mechanism.name);
  if (initial) {
    const std::string encoded = sasl::encode_initial_response(*initial);
    if (line.size() + 1 + encoded.size() + 2 <= kCommandMax) {
      line += ' ' + encoded;
      initial.reset();
    }
  }
  output_.append(line + "\r\n");
  wipe(line);
  for (std::size_t challenges = 0; challenges <= kChallengesMax; ++challenges) {
    const std::string_view text = CO_TRY(co_await next_line());
    const Status status = CO_TRY(parse_status(text));
    if (status.kind == Status::Kind::error) co_return std::unexpected(error_of(status));
    // The server says we are in: is it the right server?
    if (status.kind == Status::Kind::ok) co_return let_in(*exchange);
    const auto challenge = from_base64(status.text);
    auto response = challenge ? Result<std::string>() : fail(kBadReply, "a challenge that is not base64");
    // An initial response that did not fit the command answers the empty challenge.
    if (response)
      response = initial && challenge->empty() ? Result<std::string>(*std::exchange(initial, std::nullopt))
                                               : exchange->respond(*challenge);
    if (!response) {
      // RFC 5034 §4: cancel, and take the -ERR that follows.
      output_.append("*\r\n");
      CO_TRY(co_await next_line());
      co_return std::unexpected(std::move(response).error());
    }
    output_.append(to_base64(*response) + "\r\n");
    wipe(*response);
  }
  co_return fail(kBadReply, "the server asks without end");
}

io::Task<Result<>> Client::login_apop(sasl::ClientContext credentials) {
  const std::string name = CO_TRY(sasl::prepare_name(credentials.identity.authentication_id));
  const std::string digest = CO_TRY(sasl::apop_digest(timestamp_, credentials.password.view()));
  CO_TRY(co_await command("APOP " + name + ' ' + digest));
  co_return Result<>();
}

io::Task<Result<>> Client::login_user(sasl::ClientContext credentials) {
  const std::string name = CO_TRY(sasl::prepare_name(credentials.identity.authentication_id));
  CO_TRY(co_await command("USER " + name));
  const sasl::Secret password(CO_TRY(sasl::prepare(credentials.password.view(), sasl::kPasswordMax)));
  sasl::Secret line("PASS " + std::string(password.view()));
  CO_TRY(co_await command(line.view()));
  co_return Result<>();
}

}  // namespace angarium::protocol::pop3
