#include "agent/credential.h"

#include <utility>

#include "base/counters.h"

namespace angarium::agent {
namespace {

Counter failures("angarium_login_failures_total", "Logins that were refused.");

/// Nobody acts as somebody else: the identity asked for must be the account itself, in any spelling.
bool may_act(const sasl::Identity& identity) {
  if (identity.authorization_id.empty() || identity.authorization_id == identity.authentication_id) return true;
  const auto wanted = account::canonical_address(identity.authorization_id);
  const auto proven = account::canonical_address(identity.authentication_id);
  return wanted && proven && *wanted == *proven;
}

Error not_authorized() { return {sasl::kNotAuthorized, "you may not act as somebody else"}; }

}  // namespace

CredentialDesk::CredentialDesk(Services& services, const io::Endpoint& peer)
    : services_(services), peer_(peer.is_local_host() ? std::string() : peer.address().text()) {}

sasl::ServerContext CredentialDesk::context() const { return {.fake_salt_key = services_.verifier().decoy_key()}; }

io::Task<Result<>> CredentialDesk::verify_password(const sasl::Identity& identity, const sasl::Secret& password) {
  auto account =
      co_await services_.verifier().check_password(identity.authentication_id, std::string(password.view()), peer_);
  // What is refused for now (locked out, busy) is no attempt, and no session says that it was one.
  counted_ = !account && !account.error().temporary();
  if (!account) {
    failures.add();
    co_return std::unexpected(std::move(account).error());
  }
  if (!may_act(identity)) co_return std::unexpected(not_authorized());
  verified_ = *std::move(account);
  verified_name_ = identity.authentication_id;
  co_return Result<>();
}

io::Task<Result<>> CredentialDesk::verify_authority(const sasl::Identity& identity) {
  counted_ = false;
  CO_TRY(co_await services_.verifier().proven(identity.authentication_id));
  if (!may_act(identity)) co_return std::unexpected(not_authorized());
  co_return Result<>();
}

io::Task<Result<std::optional<sasl::ScramCredentials>>> CredentialDesk::scram_keys(const sasl::Identity& identity,
                                                                                   sasl::Hash hash) {
  if (services_.verifier().locked_out(peer_))
    co_return fail(account::kLockedOut, "too many failed logins from this address; wait some minutes");
  counted_ = false;
  auto keys = CO_TRY(co_await services_.verifier().scram_keys(identity.authentication_id, hash));
  if (!keys) co_return std::nullopt;
  co_return sasl::ScramCredentials{
      .keys = *std::move(keys), .authority = may_act(identity) ? sasl::Authority::granted : sasl::Authority::refused};
}

void CredentialDesk::refused() {
  if (!std::exchange(counted_, false)) failed();
}

void CredentialDesk::failed() {
  failures.add();
  services_.verifier().failed(peer_);
}

io::Task<Result<account::Account>> CredentialDesk::account(const sasl::Identity& identity) {
  if (verified_ && verified_name_ == identity.authentication_id) co_return *std::exchange(verified_, std::nullopt);
  co_return co_await services_.verifier().proven(identity.authentication_id);
}

bool CredentialDesk::plaintext_allowed(const configuration::Configuration& configuration, const io::Endpoint& peer,
                                       bool encrypted) {
  if (encrypted) return true;
  switch (configuration.auth.plaintext_without_tls) {
    case configuration::PlaintextWithoutTls::never: return false;
    case configuration::PlaintextWithoutTls::loopback: return peer.is_local_host();
    case configuration::PlaintextWithoutTls::always: return true;
  }
  return false;
}

}  // namespace angarium::agent
