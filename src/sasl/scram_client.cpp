#include <array>
#include <utility>

#include "base/text.h"
#include "sasl/crypto.h"
#include "sasl/prepare.h"
#include "sasl/scram_exchange.h"

namespace angarium::sasl {
namespace {

/// server-error-value → our kinds.
const ErrorKind& kind_of(std::string_view server_error) {
  if (server_error.find("channel-binding") != std::string_view::npos) return kChannelBinding;
  if (server_error == "no-resources") return kUnavailable;
  if (server_error == "invalid-encoding" || server_error == "extensions-not-supported") return kMalformed;
  return kBadCredentials;
}

}  // namespace

ScramClient::ScramClient(ScramVariant variant, ClientContext given, std::string nonce)
    : ClientExchange(std::move(given)), variant_(variant), nonce_(std::move(nonce)) {}

Result<std::optional<std::string>> ScramClient::initial_response() {
  if (std::exchange(state_, State::over) != State::initial)
    return fail(kBroken, "a call out of turn in an authentication exchange");
  const auto& bindings = context().bindings;
  BindingFlag flag = BindingFlag::unsupported;
  std::string_view type;
  if (variant_.plus == ScramVariant::Plus::yes) {
    if (bindings.empty()) return fail(kChannelBinding, "SCRAM: this connection has nothing to bind to");
    flag = BindingFlag::used;
    type = bindings.front().type;
    binding_data_ = bindings.front().data;
  } else if (!bindings.empty() && context().plus_offered == PlusOffered::no) {
    flag = BindingFlag::server_unaware;
  }
  const std::string user = TRY(prepare_name(context().identity.authentication_id));
  std::string authzid;
  if (!context().identity.authorization_id.empty()) authzid = TRY(prepare_name(context().identity.authorization_id));
  gs2_header_ = write_gs2_header(flag, type, authzid);
  bare_ = "n=" + write_saslname(user) + ",r=" + nonce_;
  state_ = State::first_sent;
  return gs2_header_ + bare_;
}

Result<std::string> ScramClient::respond(std::string_view challenge) {
  switch (std::exchange(state_, State::over)) {
    case State::first_sent: {
      auto final = client_final(challenge);
      if (final) state_ = State::final_sent;
      return final;
    }
    case State::final_sent:
      // Data sent along with success, by a protocol that has no room for it in the outcome.
      TRY(verify(challenge));
      return std::string();
    default: return fail(kBroken, "a call out of turn in an authentication exchange");
  }
}

Result<std::string> ScramClient::client_final(std::string_view server_first) {
  const ServerFirst first = TRY(parse_server_first(server_first));
  if (first.nonce.size() <= nonce_.size() || !first.nonce.starts_with(nonce_))
    return fail(kServerNotAuthentic, "SCRAM: the server did not extend our nonce");
  if (first.iterations < context().iterations_min || first.iterations > context().iterations_max)
    return fail(kIterations, "SCRAM: the server's iteration count is out of bounds");
  const Secret password(TRY(prepare(context().password.view(), kPasswordMax)));
  const ClientSecrets secrets = TRY(client_secrets(password.view(), first.salt, first.iterations, variant_.hash));
  const std::string without_proof = "c=" + to_base64(gs2_header_ + binding_data_) + ",r=" + first.nonce;
  const std::string auth_message = bare_ + ',' + std::string(server_first) + ',' + without_proof;
  expected_verifier_ = TRY(hmac(variant_.hash, secrets.server_key.view(), auth_message));
  const std::string proof = TRY(client_proof(secrets, auth_message, variant_.hash));
  return without_proof + ",p=" + to_base64(proof);
}

Result<> ScramClient::verify(std::string_view server_final) {
  const ServerFinal final = TRY(parse_server_final(server_final));
  if (!final.error.empty())
    return fail(kind_of(final.error), "SCRAM: the server says " + escape_controls(final.error, 100));
  if (!equal_constant_time(final.verifier, expected_verifier_))
    return fail(kServerNotAuthentic, "SCRAM: the server does not know the password");
  state_ = State::verified;
  return {};
}

Result<> ScramClient::finish(std::string_view data) {
  const State state = std::exchange(state_, State::over);
  if (state == State::verified && data.empty()) return {};
  if (state == State::final_sent && !data.empty()) return verify(data);
  return fail(kServerNotAuthentic, "SCRAM: the server reported success without proving that it knows the password");
}

}  // namespace angarium::sasl
