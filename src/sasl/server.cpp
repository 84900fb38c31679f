#include "sasl/server.h"

namespace angarium::sasl {

ServerStep ServerExchange::first_challenge() { return Challenge{}; }

ServerStep ServerExchange::verdict_given(Result<>) { return failure(kBroken, "this mechanism asked for no verdict"); }

ServerStep ServerExchange::scram_credentials(std::optional<ScramCredentials>) {
  return failure(kBroken, "this mechanism asked for no keys");
}

ServerStep ServerExchange::out_of_turn() {
  waiting_ = Waiting::nothing;
  return failure(kBroken, "a call out of turn in an authentication exchange");
}

ServerStep ServerExchange::settle(ServerStep step) {
  if (std::holds_alternative<Challenge>(step)) {
    waiting_ = Waiting::response;
  } else if (std::holds_alternative<PasswordWanted>(step) || std::holds_alternative<AuthorityWanted>(step)) {
    waiting_ = Waiting::verdict;
  } else if (std::holds_alternative<ScramKeysWanted>(step)) {
    waiting_ = Waiting::scram_keys;
  } else {
    waiting_ = Waiting::nothing;
  }
  auto* success = std::get_if<Success>(&step);
  if (success != nullptr && !success->data.empty() && context_.success_data == SuccessData::as_challenge) {
    proven_ = std::move(success->identity);
    waiting_ = Waiting::acknowledgement;
    return Challenge{std::move(success->data)};
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
  return Success{*std::exchange(proven_, std::nullopt), {}};
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

}  // namespace angarium::sasl
