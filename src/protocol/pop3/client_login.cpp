#include <memory>
#include <optional>

#include "base/text.h"
#include "io/loop.h"
#include "protocol/pop3/client.h"
#include "sasl/apop.h"
#include "sasl/line.h"
#include "sasl/prepare.h"
#include "wire/saslsec/exchange.h"

namespace angarium::protocol::pop3 {
namespace {

/// RFC 2449 §4, with the line end; RFC 5034 §4 holds initial responses to it.
constexpr std::size_t kCommandMax = 255;

sasl::ClientContext context_for(const wire::Connection& connection, const Credentials& credentials,
                                sasl::PlusOffered plus) {
  sasl::ClientContext context;
  context.identity = credentials.identity;
  context.has = credentials.has;
  context.password = sasl::Secret::copy(credentials.password.view());
  context.plus_offered = plus;
  context.service = "pop";
  context.host = credentials.host;
  context.now = io::Loop::current().clock().wall();
  context.bindings = wire::saslsec::channel_bindings(connection);
  return context;
}

}  // namespace

io::Task<Result<>> Client::login(const Credentials& credentials) {
  if (asked_ == Asked::no) CO_TRY(co_await capa());
  CO_TRY(co_await log_in(credentials));
  co_return co_await capa();
}

io::Task<Result<>> Client::log_in(const Credentials& credentials) {
  const bool plain = connection_.tls() != nullptr || options_.plaintext_without_tls == sasl::Plaintext::allowed;
  std::vector<std::string> announced;
  if (const Capability* sasl_capability = capability("SASL")) announced = sasl_capability->parameters;
  const std::vector<std::string_view> names(announced.begin(), announced.end());
  const bool bindable = !context_for(connection_, credentials, sasl::PlusOffered::no).bindings.empty();
  const sasl::Mechanism* mechanism =
      sasl::choose({.names = names,
                    .has = credentials.has,
                    .plaintext = plain ? sasl::Plaintext::allowed : sasl::Plaintext::refused,
                    .has_bindings = bindable,
                    .weak = credentials.weak});
  if (mechanism != nullptr) co_return co_await login_sasl(*mechanism, credentials, names);
  const bool simple = credentials.has == sasl::Needs::password && credentials.identity.authorization_id.empty();
  if (simple && plain && (capabilities_.empty() || capability("USER") != nullptr))
    co_return co_await login_user(credentials);
  const bool weak = credentials.weak == sasl::Choice::Weak::allowed;
  if (simple && weak && !timestamp_.empty()) co_return co_await login_apop(credentials);
  co_return fail(kNoMechanism, "no way to log in that both sides have and that is safe on this connection");
}

io::Task<Result<>> Client::login_sasl(const sasl::Mechanism& mechanism, const Credentials& credentials,
                                      std::span<const std::string_view> names) {
  const auto exchange = mechanism.use(context_for(connection_, credentials, sasl::plus_among(names, credentials.has)));
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
    if (status.kind == Status::Kind::ok) co_return exchange->finish({});
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

io::Task<Result<>> Client::login_apop(const Credentials& credentials) {
  const std::string name = CO_TRY(sasl::prepare_name(credentials.identity.authentication_id));
  const std::string digest = CO_TRY(sasl::apop_digest(timestamp_, credentials.password.view()));
  CO_TRY(co_await command("APOP " + name + ' ' + digest));
  co_return Result<>();
}

io::Task<Result<>> Client::login_user(const Credentials& credentials) {
  const std::string name = CO_TRY(sasl::prepare_name(credentials.identity.authentication_id));
  CO_TRY(co_await command("USER " + name));
  const sasl::Secret password(CO_TRY(sasl::prepare(credentials.password.view(), sasl::kPasswordMax)));
  sasl::Secret line("PASS " + std::string(password.view()));
  CO_TRY(co_await command(line.view()));
  co_return Result<>();
}

}  // namespace angarium::protocol::pop3
