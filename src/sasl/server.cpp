#include "sasl/server.h"

#include "base/text.h"

namespace angarium::sasl {

bool ServerContext::is_this_host(std::string_view name) const {
  return host.empty() || equals_ignore_case(name, host) || (is_other_name && is_other_name(name));
}

ServerStep ServerExchange::first_challenge() { return Challenge{}; }

ServerStep ServerExchange::verdict_given(Result<>) { return failure(kBroken, "this mechanism asked for no verdict"); }

ServerStep ServerExchange::scram_credentials(std::optional<ScramCredentials>) {
  return failure(kBroken, "this mechanism asked for no keys");
}

ServerStep ServerExchange::key_given(std::optional<KeyCredentials>) {
  return failure(kBroken, "this mechanism asked for no key");
}

ServerStep ServerExchange::otp_given(std::optional<OtpCredentials>) {
  return failure(kBroken, "this mechanism asked for no state of one-time passwords");
}

ServerStep ServerExchange::token_judged(Result<std::string>) {
  return failure(kBroken, "this mechanism asked for no token");
}

ServerStep ServerExchange::gss_given(GssAnswer) {
  return failure(kBroken, "this mechanism asked for no context of GSS-API");
}

ServerStep ServerExchange::out_of_turn() {
  waiting_ = Waiting::nothing;
  return failure(kBroken, "a call out of turn in an authentication exchange");
}

ServerExchange::Waiting ServerExchange::waiting_after(const ServerStep& step) {
  if (std::holds_alternative<Challenge>(step)) return Waiting::response;
  if (std::holds_alternative<PasswordWanted>(step) || std::holds_alternative<AuthorityWanted>(step) ||
      std::holds_alternative<OtpChange>(step) || std::holds_alternative<GuestWanted>(step))
    return Waiting::verdict;
  if (std::holds_alternative<ScramKeysWanted>(step)) return Waiting::scram_keys;
  if (std::holds_alternative<KeyWanted>(step)) return Waiting::key;
  if (std::holds_alternative<OtpWanted>(step)) return Waiting::otp;
  if (std::holds_alternative<TokenWanted>(step)) return Waiting::token;
  if (std::holds_alternative<GssWanted>(step)) return Waiting::gss;
  return Waiting::nothing;
}

ServerStep ServerExchange::settle(ServerStep step) {
  waiting_ = waiting_after(step);
  auto* success = std::get_if<Success>(&step);
  if (success != nullptr && !success->data.empty() && context_.success_data == SuccessData::as_challenge) {
    std::string data = std::exchange(success->data, {});
    proven_ = std::move(*success);
    waiting_ = Waiting::acknowledgement;
    return Challenge{std::move(data)};
  }
  return step;
}

ServerStep ServerExchange::deliver(std::string_view response) {
  if (response.size() > kMessageMax) return settle(failure(kTooLong, "an authentication response is too long"));
  return settle(receive(response));
}

ServerStep ServerExchange::start(std::optional<std::string_view> initial_response) {
  if (waiting_ != Waiting::start) return out_of_turn();
  if (initial_response) return deliver(*initial_response);
  return settle(starts_ == Starts::server ? first_challenge() : Challenge{});
}

ServerStep ServerExchange::step(std::string_view response) {
  if (waiting_ == Waiting::response) return deliver(response);
  if (waiting_ != Waiting::acknowledgement) return out_of_turn();
  waiting_ = Waiting::nothing;
  if (!response.empty()) return failure(kMalformed, "the response to the server's last message must be empty");
  return *std::exchange(proven_, std::nullopt);
}

ServerStep ServerExchange::answer_verdict(Result<> verdict) {
  if (waiting_ != Waiting::verdict) return out_of_turn();
  return settle(verdict_given(std::move(verdict)));
}

ServerStep ServerExchange::answer_scram(Result<std::optional<ScramCredentials>> credentials) {
  if (waiting_ != Waiting::scram_keys) return out_of_turn();
  if (!credentials) return settle(Failure{std::move(credentials).error()});
  return settle(scram_credentials(*std::move(credentials)));
}

ServerStep ServerExchange::answer_key(Result<std::optional<KeyCredentials>> credentials) {
  if (waiting_ != Waiting::key) return out_of_turn();
  if (!credentials) return settle(Failure{std::move(credentials).error()});
  return settle(key_given(*std::move(credentials)));
}

ServerStep ServerExchange::answer_otp(Result<std::optional<OtpCredentials>> credentials) {
  if (waiting_ != Waiting::otp) return out_of_turn();
  if (!credentials) return settle(Failure{std::move(credentials).error()});
  return settle(otp_given(*std::move(credentials)));
}

Error without_authority(Authority authority) {
  if (authority == Authority::needs_second_factor)
    return {kSecondFactor, "this account has a second factor: log in with an app password"};
  return {kNotAuthorized, "this user may not act as the one asked for"};
}

ServerStep ServerExchange::answer_token(Result<std::string> owner) {
  if (waiting_ != Waiting::token) return out_of_turn();
  return settle(token_judged(std::move(owner)));
}

ServerStep ServerExchange::answer_gss(Result<GssAnswer> answer) {
  if (waiting_ != Waiting::gss) return out_of_turn();
  if (!answer) return settle(Failure{std::move(answer).error()});
  return settle(gss_given(*std::move(answer)));
}

}  // namespace angarium::sasl
