// How a session begins and ends: greeting, capabilities, TLS, login, logout.
#include <algorithm>

#include "base/text.h"
#include "io/loop.h"
#include "protocol/imap/client.h"
#include "protocol/imap/refusal.h"
#include "protocol/imap/writer.h"
#include "sasl/line.h"
#include "sasl/prepare.h"
#include "sasl/secret.h"
#include "wire/saslsec/client.h"

namespace angarium::protocol::imap {
namespace {

using Kind = StatusResponse::Kind;

std::string as_string(std::string_view value) {
  std::string out;
  message::append_imap_string(out, value, message::ImapForm::ascii);
  return out;
}

/// The names of mechanisms the server has; views into `told`.
std::vector<std::string_view> mechanisms_of(const CapabilityResponse& told) {
  std::vector<std::string_view> names;
  for (const std::string_view name : told.names)
    if (name.starts_with("AUTH=")) names.push_back(name.substr(5));
  return names;
}

}  // namespace

io::Task<Result<bool>> Client::greet() {
  const auto response = CO_TRY(co_await receive());
  const auto* status = std::get_if<StatusResponse>(&response);
  if (status != nullptr && status->kind == Kind::bye) co_return std::unexpected(refusal(*status));
  if (status == nullptr || status->tag != "*" || (status->kind != Kind::ok && status->kind != Kind::preauth))
    co_return fail(kServerBroke, status != nullptr ? refusal(*status).text() : "No greeting");
  preauthenticated_ = status->kind == Kind::preauth;
  co_return preauthenticated_;
}

io::Task<Result<const CapabilityResponse*>> Client::capabilities() {
  if (!capabilities_) CO_TRY(co_await command("CAPABILITY"));
  if (!capabilities_) co_return fail(kServerBroke, "The server does not tell its capabilities");
  co_return &*capabilities_;
}

io::Task<Result<void>> Client::start_tls() {
  // RFC 9051 §11.1: whoever sits between may have said PREAUTH to keep us from TLS.
  if (preauthenticated_) co_return fail(kServerRefused, "The server counts us as logged in before TLS could begin");
  if (!connection_->can_start_tls()) co_return fail(wire::kNoTls, "TLS cannot be started on this connection");
  CO_TRY(co_await command("STARTTLS"));
  // RFC 9051 §6.2.1: what was told before TLS is not believed.
  capabilities_.reset();
  const bool injected = !input_.empty();
  const auto dropped = injected ? Result<std::size_t>(input_.size()) : co_await connection_->start_tls(input_);
  if (!dropped) co_return std::unexpected(dropped.error());
  if (*dropped == 0) co_return Result<void>{};
  connection_->close();
  co_return fail(kInjected, "Octets stood between the server's agreement to TLS and the handshake");
}

io::Task<Result<void>> Client::log_in(sasl::ClientContext credentials, sasl::Plaintext plaintext,
                                      sasl::Choice::Weak weak) {
  const auto* told = CO_TRY(co_await capabilities());
  if (connection_->tls() != nullptr) plaintext = sasl::Plaintext::allowed;
  const auto names = mechanisms_of(*told);
  const auto* mechanism = wire::saslsec::choose_on(*connection_, names, credentials, plaintext, weak);
  credentials.service = "imap";
  credentials.now = io::Loop::current().clock().wall();
  if (mechanism != nullptr)
    co_return co_await authenticate(std::string(mechanism->name), mechanism->use(std::move(credentials)));
  const bool simple = credentials.has == sasl::Needs::password && plaintext == sasl::Plaintext::allowed &&
                      credentials.identity.authorization_id.empty() &&
                      credentials.protection_min == sasl::Protection::none;
  if (!simple || told->has("LOGINDISABLED"))
    co_return fail(kNoMechanism, "no way to log in that both sides have and that is safe on this connection");
  co_return co_await login(credentials.identity.authentication_id, std::string(credentials.password.view()));
}

io::Task<Result<void>> Client::login(std::string user, std::string password) {
  // No string holds it (RFC 9051 §4.3).
  if ((user + password).find('\0') != std::string::npos)
    co_return fail(kRefused, "User names and passwords hold no octet of value zero");
  // RFC 9051 §6.2.3: a client must not.
  if (capabilities_ && capabilities_->has("LOGINDISABLED"))
    co_return fail(kServerRefused, "[PRIVACYREQUIRED] The server takes no LOGIN on this connection");
  capabilities_.reset();
  const sasl::Secret line("LOGIN " + as_string(user) + " " + as_string(password));
  wipe(password);
  const auto tag = next_tag();
  if (auto refused = CO_TRY(co_await say(tag, line.view()))) co_return std::unexpected(refusal(*refused));
  auto answer = CO_TRY(co_await finish(tag, {}, nullptr));
  CO_TRY(co_await conclude(std::move(answer)));
  co_return Result<void>{};
}

io::Task<Result<void>> Client::authenticate(std::string mechanism, std::unique_ptr<sasl::ClientExchange> exchange) {
  auto initial = CO_TRY(exchange->initial_response());
  const auto* known = CO_TRY(co_await capabilities());
  const auto tag = next_tag();
  auto line = tag + " AUTHENTICATE " + mechanism;
  // RFC 4959 §3
  if (initial && known->has("SASL-IR")) {
    line += " " + sasl::encode_initial_response(*initial);
    initial.reset();
  }
  CO_TRY(co_await send(line));
  wipe(line);
  capabilities_.reset();
  co_return co_await converse(tag, *exchange, std::move(initial));
}

io::Task<Result<void>> Client::converse(const std::string& tag, sasl::ClientExchange& exchange,
                                        std::optional<std::string> initial) {
  std::size_t challenges = 0;
  for (std::size_t count = 0; count < kResponsesMax; ++count) {
    auto response = CO_TRY(co_await receive());
    if (const auto* challenge = std::get_if<Continuation>(&response)) {
      if (++challenges > kChallengesMax) co_return fail(kServerBroke, "The server asks without end");
      const auto octets = from_base64(trim(challenge->text));
      auto answer = !octets ? Result<std::string>(fail(kServerBroke, "The server's challenge is not base64"))
                    : initial && octets->empty() ? Result<std::string>(*std::exchange(initial, std::nullopt))
                                                 : exchange.respond(*octets);
      // RFC 9051 §6.2.2: "*" gives up.
      CO_TRY(co_await send(answer ? to_base64(*answer) : "*"));
      if (answer) continue;
      CO_TRY(co_await finish(tag, {}, nullptr));
      co_return std::unexpected(std::move(answer).error());
    }
    const auto* status = std::get_if<StatusResponse>(&response);
    if (status == nullptr || status->tag != tag) continue;
    CO_TRY(co_await conclude(*status));
    CO_TRY(exchange.finish(""));
    auto over = wire::saslsec::secured(*connection_, exchange, input_);
    if (over == nullptr) co_return Result<void>{};
    secured_ = std::move(over);
    connection_ = secured_.get();
    // RFC 9051 §6.2.2: what was told outside of the layer, with the outcome too, is not believed.
    capabilities_.reset();
    co_return Result<void>{};
  }
  co_return fail(kServerBroke, "The server answers without end");
}

io::Task<Result<std::vector<std::string>>> Client::enable(std::string names) {
  std::vector<std::string> enabled;
  CO_TRY(co_await command("ENABLE " + names, [&](const Response& response) {
    if (const auto* told = std::get_if<EnabledResponse>(&response)) enabled = told->names;
  }));
  const auto has = [&](std::string_view name) { return std::ranges::find(enabled, name) != enabled.end(); };
  utf8_accept_ = utf8_accept_ || has("UTF8=ACCEPT");
  if (has("IMAP4REV2") || has("UTF8=ACCEPT")) names_ = NameForm::utf8;
  irregular_.clear();
  co_return enabled;
}

io::Task<Result<void>> Client::logout() {
  const auto answer = co_await command("LOGOUT");
  if (answer || answer.error().is(kServerBye) || answer.error().is(io::kEndOfStream)) co_return Result<void>{};
  co_return std::unexpected(answer.error());
}

}  // namespace angarium::protocol::imap
