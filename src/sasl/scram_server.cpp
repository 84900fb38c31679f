#include <utility>

#include "base/text.h"
#include "sasl/crypto.h"
#include "sasl/prepare.h"
#include "sasl/scram_exchange.h"

namespace angarium::sasl {

ScramServer::ScramServer(ScramVariant variant, ServerContext given, std::string nonce)
    : ServerExchange(std::move(given), Starts::client), variant_(variant), nonce_(std::move(nonce)) {}

ServerStep ScramServer::receive(std::string_view response) {
  return server_first_.empty() ? client_first(response) : client_final(response);
}

ServerStep ScramServer::client_first(std::string_view message) {
  auto first = parse_client_first(message);
  if (!first) return Failure{std::move(first).error()};
  first_ = *std::move(first);
  const Gs2Plus plus = variant_.plus == ScramVariant::Plus::yes ? Gs2Plus::yes : Gs2Plus::no;
  auto bound = channel_binding_input(first_.gs2, plus, context().plus_offered, context().bindings);
  if (!bound) return Failure{std::move(bound).error()};
  expected_cbind_input_ = *std::move(bound);
  auto user = prepare_name(first_.user);
  if (!user) return Failure{std::move(user).error()};
  identity_.authentication_id = *std::move(user);
  if (!first_.gs2.authorization_id.empty()) {
    auto authzid = prepare_name(first_.gs2.authorization_id);
    if (!authzid) return Failure{std::move(authzid).error()};
    identity_.authorization_id = *std::move(authzid);
  }
  return ScramKeysWanted{identity_, variant_.hash};
}

ServerStep ScramServer::scram_credentials(std::optional<ScramCredentials> credentials) {
  // Made in either case, so that the unknown user costs the same.
  auto fake =
      fake_scram_keys(context().fake_salt_key, identity_.authentication_id, context().scram_iterations, variant_.hash);
  if (!fake) return Failure{std::move(fake).error()};
  user_ = credentials ? User::known : User::unknown;
  authority_ = credentials ? credentials->authority : Authority::refused;
  keys_ = credentials ? std::move(credentials->keys) : *std::move(fake);
  if (keys_.hash != variant_.hash || keys_.stored_key.size() != digest_octets(variant_.hash) || keys_.salt.empty() ||
      keys_.iterations == 0)
    return failure(kBroken, "SCRAM: the stored keys are not of this mechanism");
  nonce_ = first_.nonce + nonce_;
  server_first_ = "r=" + nonce_ + ",s=" + to_base64(keys_.salt) + ",i=" + std::to_string(keys_.iterations);
  return Challenge{server_first_};
}

ServerStep ScramServer::client_final(std::string_view message) {
  auto final = parse_client_final(message);
  if (!final) return Failure{std::move(final).error()};
  if (!equal_constant_time(final->nonce, nonce_)) return failure(kMalformed, "SCRAM: the nonce is not the one we sent");
  if (!equal_constant_time(final->cbind_input, expected_cbind_input_))
    return failure(kChannelBinding, "SCRAM: the channel bindings do not match");
  const std::string auth_message = first_.bare + ',' + server_first_ + ',' + final->without_proof;
  const auto right = proof_is_right(keys_, final->proof, auth_message);
  if (!right) return Failure{right.error()};
  if (!*right || user_ == User::unknown) return failure(kBadCredentials, "the user name or password is wrong");
  if (authority_ != Authority::granted) return Failure{without_authority(authority_)};
  auto verifier = hmac(variant_.hash, keys_.server_key, auth_message);
  if (!verifier) return Failure{std::move(verifier).error()};
  return Success{std::move(identity_), "v=" + to_base64(*verifier)};
}

}  // namespace angarium::sasl
