#include "wire/saslsec/exchange.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace angarium::wire::saslsec {
namespace {

bool names(std::span<const std::string_view> list, std::string_view name) {
  return std::ranges::any_of(list, [&](std::string_view one) { return equals_ignore_case(one, name); });
}

bool is_over(const sasl::ServerStep& step) {
  return std::holds_alternative<sasl::Success>(step) || std::holds_alternative<sasl::Failure>(step);
}

sasl::ServerContext context_on(const Connection& connection, Desk& desk, std::string_view service,
                               const sasl::Mechanism& mechanism, std::span<const sasl::Mechanism* const> shown) {
  sasl::ServerContext context = desk.context();
  context.bindings = channel_bindings(connection);
  // A client of SCRAM looks for SCRAM's own.
  const bool plus = std::ranges::any_of(shown, [&](const sasl::Mechanism* one) {
    return one->binding == sasl::Binding::required && one->needs == mechanism.needs;
  });
  context.plus_offered = plus ? sasl::PlusOffered::yes : sasl::PlusOffered::no;
  context.success_data = sasl::SuccessData::as_challenge;
  context.service = service;
  // Under TLS a second layer would only cost.
  context.protection = connection.tls() == nullptr ? sasl::Protection::confidentiality : sasl::Protection::none;
  return context;
}

}  // namespace

std::vector<sasl::ChannelBinding> channel_bindings(const Connection& connection) {
  std::vector<sasl::ChannelBinding> bindings;
  if (connection.tls() == nullptr) return bindings;
  for (const std::string_view type : {"tls-exporter", "tls-unique"})
    if (auto data = connection.channel_binding(type)) bindings.push_back({std::string(type), *std::move(data)});
  return bindings;
}

std::vector<const sasl::Mechanism*> offered(std::span<const std::string_view> enabled, sasl::Plaintext plaintext,
                                            const Connection& connection, Desk& desk) {
  return sasl::offered({.enabled = enabled,
                        .plaintext = plaintext,
                        .has_bindings = !channel_bindings(connection).empty(),
                        .has_external_identity = desk.context().external_identity.has_value()});
}

Judgement judge(const sasl::Mechanism* mechanism, std::span<const std::string_view> enabled,
                std::span<const sasl::Mechanism* const> shown, const Connection& connection) {
  if (mechanism == nullptr) return Judgement::unknown;
  if (std::ranges::find(shown, mechanism) != shown.end()) return Judgement::allowed;
  if (!names(enabled, mechanism->name)) return Judgement::off;
  if (connection.tls() == nullptr) return Judgement::needs_tls;
  // No certificate of the client's, nothing to bind to.
  return Judgement::unknown;
}

Exchange::Exchange(const sasl::Mechanism& mechanism, std::string_view service,
                   std::span<const sasl::Mechanism* const> shown, const Connection& connection, Desk& desk)
    : name_(mechanism.name),
      desk_(desk),
      exchange_(mechanism.serve(context_on(connection, desk, service, mechanism, shown))) {}

Exchange::~Exchange() {
  if (named_) desk_.broken_off();
  desk_.over();
}

io::Task<sasl::ServerStep> Exchange::respond(std::optional<std::string> response) {
  sasl::ServerStep step;
  if (!std::exchange(started_, true)) {
    step = exchange_->start(response ? std::optional<std::string_view>(*response) : std::nullopt);
  } else {
    step = exchange_->step(response.value_or(""));
  }
  if (response) wipe(*response);
  while (!is_over(step) && !std::holds_alternative<sasl::Challenge>(step)) step = co_await answer(std::move(step));
  if (is_over(step)) {
    named_ = false;
    desk_.over();
  }
  co_return step;
}

io::Task<sasl::ServerStep> Exchange::answer(sasl::ServerStep wanted) {
  if (const auto* password = std::get_if<sasl::PasswordWanted>(&wanted)) {
    auto verdict = co_await desk_.verify_password(password->identity, password->password);
    co_return exchange_->answer_verdict(std::move(verdict));
  }
  if (const auto* authority = std::get_if<sasl::AuthorityWanted>(&wanted)) {
    auto verdict = co_await desk_.verify_authority(authority->identity);
    co_return exchange_->answer_verdict(std::move(verdict));
  }
  if (const auto* scram = std::get_if<sasl::ScramKeysWanted>(&wanted)) {
    auto keys = co_await desk_.scram_keys(scram->identity, scram->hash);
    named_ = true;
    co_return exchange_->answer_scram(std::move(keys));
  }
  if (const auto* key = std::get_if<sasl::KeyWanted>(&wanted)) {
    auto found = co_await desk_.key(*key);
    co_return exchange_->answer_key(std::move(found));
  }
  if (const auto* otp = std::get_if<sasl::OtpWanted>(&wanted)) {
    auto state = co_await desk_.otp(otp->identity);
    named_ = true;
    co_return exchange_->answer_otp(std::move(state));
  }
  if (const auto* change = std::get_if<sasl::OtpChange>(&wanted)) {
    auto verdict = co_await desk_.replace_otp(*change);
    co_return exchange_->answer_verdict(std::move(verdict));
  }
  if (const auto* token = std::get_if<sasl::TokenWanted>(&wanted)) {
    auto owner = co_await desk_.verify_token(token->identity, token->token);
    co_return exchange_->answer_token(std::move(owner));
  }
  if (auto* gss = std::get_if<sasl::GssWanted>(&wanted)) {
    auto answered = co_await desk_.gss(std::move(*gss));
    co_return exchange_->answer_gss(std::move(answered));
  }
  auto verdict = co_await desk_.admit_guest(std::get<sasl::GuestWanted>(wanted).trace);
  co_return exchange_->answer_verdict(std::move(verdict));
}

}  // namespace angarium::wire::saslsec
