#include "agent/credential.h"

#include <utility>

#include "account/tickets.h"
#include "account/tokens.h"
#include "agent/tokens.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/text.h"

namespace angarium::agent {
namespace {

/// Octets of a name that nobody vouches for, in the log.
constexpr std::size_t kNameShown = 200;

using By = Logins::Way::By;

Counter failures("angarium_login_failures_total", "Logins that were refused.");

/// Nobody acts as somebody else: the identity asked for must be the account itself, in any spelling.
bool may_act(const sasl::Identity& identity) {
  if (identity.authorization_id.empty() || identity.authorization_id == identity.authentication_id) return true;
  const auto wanted = account::canonical_address(identity.authorization_id);
  const auto proven = account::canonical_address(identity.authentication_id);
  return wanted && proven && *wanted == *proven;
}

/// What is made of the account's own password is not enough where that is not.
sasl::Authority authority(const sasl::Identity& identity, bool wants_second_factor) {
  if (wants_second_factor) return sasl::Authority::needs_second_factor;
  return may_act(identity) ? sasl::Authority::granted : sasl::Authority::refused;
}

Error not_authorized() { return {sasl::kNotAuthorized, "you may not act as somebody else"}; }

account::Demand demand_of(sasl::KeyKind kind) {
  switch (kind) {
    case sasl::KeyKind::hmac_md5_contexts: return account::Demand::cram_md5;
    case sasl::KeyKind::digest_md5: return account::Demand::digest_md5;
    case sasl::KeyKind::nt_hash: break;
  }
  return account::Demand::ntlm;
}

/// Of what asks for one key.
const std::string& key_of(const account::OnDemand& keys, account::Demand demand) {
  switch (demand) {
    case account::Demand::cram_md5: return keys.cram_md5;
    case account::Demand::digest_md5: return keys.digest_md5;
    case account::Demand::ntlm: return keys.nt_hash;
    default: return keys.plain;
  }
}

/// What a client on this host may call it.
bool means_loopback(std::string_view name) {
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  const auto address = io::IpAddress::parse(name);
  return address ? address->is_loopback() : equals_ignore_case(name, "localhost");
}

}  // namespace

LoginTerms login_terms(const configuration::Configuration& c) {
  return {.host = c.server.hostname, .guest = c.auth.anonymous_account, .guest_mailboxes = c.auth.anonymous_mailboxes};
}

CredentialDesk::CredentialDesk(Services& services, account::Use use, const io::Endpoint& peer, const LoginTerms& terms,
                               const wire::Connection* connection)
    : services_(services),
      use_(use),
      terms_(terms),
      connection_(connection),
      peer_(peer.is_local_host() ? std::string() : peer.address().text()),
      where_(peer.address().text()),
      began_(services.logins().now()) {}

sasl::ServerContext CredentialDesk::context() {
  sasl::ServerContext context;
  context.fake_salt_key = services_.verifier().decoy_key();
  context.host = terms_.host;
  // A client names the host as its user does: mail., imap. and smtp. may be one, and each has its certificate.
  context.is_other_name = [&services = services_, here = peer_.empty()](std::string_view name) {
    return (here && means_loopback(name)) || services.is_certified(name);
  };
  context.now = services_.clock().wall();
  const wire::TlsInfo* tls = connection_ != nullptr ? connection_->tls() : nullptr;
  if (tls != nullptr && tls->peer_verified && !tls->peer_mailbox.empty()) context.external_identity = tls->peer_mailbox;
  return context;
}

/// Of each attempt.
Result<> CredentialDesk::begin(Logins::Way way, std::string_view name) {
  counted_ = false;
  asked_ = name;
  began_ = services_.logins().now();
  way_ = std::move(way);
  if (services_.verifier().locked_out(peer_))
    return fail(account::kLockedOut, "too many failed logins from this address; wait some minutes");
  return {};
}

/// Of an exchange that begins by a name, whoever says it: names may be tried out by as many as are broken off.
Result<> CredentialDesk::begin_by_name(Logins::Way way, std::string_view name) {
  TRY(begin(std::move(way), name));
  if (services_.verifier().broken_off_too_often(peer_))
    return fail(account::kLockedOut, "too many logins from this address were broken off; wait some minutes");
  return {};
}

io::Task<Result<>> CredentialDesk::verify_password(const sasl::Identity& identity, const sasl::Secret& password) {
  began_ = services_.logins().now();
  asked_ = identity.authentication_id;
  auto account = co_await services_.verifier().check_password(identity.authentication_id, std::string(password.view()),
                                                              peer_, use_);
  // What else is refused (locked out, busy, a damaged record) is no attempt, and no session says that it was one; but
  // for a password that is right, and no guess.
  counted_ = !account && (account.error().is(sasl::kBadCredentials) || account.error().is(sasl::kOutOfScope));
  if (!account) {
    failures.add();
    co_return std::unexpected(std::move(account).error());
  }
  if (!may_act(identity)) co_return std::unexpected(not_authorized());
  way_ = std::move(account->proof);
  verified_ = *std::move(account);
  verified_name_ = identity.authentication_id;
  co_return Result<>();
}

io::Task<Result<>> CredentialDesk::verify_authority(const sasl::Identity& identity) {
  CO_TRY(begin({.by = By::other}, identity.authentication_id));
  CO_TRY(co_await services_.verifier().proven(identity.authentication_id));
  if (!may_act(identity)) co_return std::unexpected(not_authorized());
  co_return Result<>();
}

/// kTransition where this account's owner, who has proved before to be at this address, only has to give the password
/// once. To all others it looks like a name that nobody has.
io::Task<Result<>> CredentialDesk::has_keys(account::Account account, account::Demand demand) {
  if (account.credentials.on_demand.wants(demand) &&
      CO_TRY(co_await services_.verifier().has_proved(std::move(account), peer_)))
    co_return fail(wire::saslsec::kTransition, "log in once with the password itself: that makes the keys for this");
  co_return Result<>();
}

io::Task<Result<std::optional<sasl::ScramCredentials>>> CredentialDesk::scram_keys(const sasl::Identity& identity,
                                                                                   sasl::Hash hash) {
  Logins::Way way{.by = By::password};
  if (hash == sasl::Hash::sha512) way.keys = account::Demand::scram_sha_512;
  CO_TRY(begin_by_name(std::move(way), identity.authentication_id));
  auto keys = CO_TRY(co_await services_.verifier().scram_keys(identity.authentication_id, hash));
  if (keys) {
    const bool wants = CO_TRY(co_await services_.verifier().wants_second_factor(identity.authentication_id));
    co_return sasl::ScramCredentials{.keys = *std::move(keys), .authority = authority(identity, wants)};
  }
  if (hash == sasl::Hash::sha512)
    if (const auto account = CO_TRY(co_await services_.verifier().known(identity.authentication_id)))
      CO_TRY(co_await has_keys(*account, account::Demand::scram_sha_512));
  co_return decoy(identity, hash);
}

/// Where a directory has keys of other iteration counts than our own, half of the names without keys look like one of
/// its people, always the same; the others look like an account of ours.
Result<std::optional<sasl::ScramCredentials>> CredentialDesk::decoy(const sasl::Identity& identity, sasl::Hash hash) {
  const account::Verifier& verifier = services_.verifier();
  const std::uint32_t iterations = verifier.iterations_like(identity.authentication_id);
  if (iterations == 0) return std::nullopt;
  auto keys = TRY(sasl::fake_scram_keys(verifier.decoy_key(), identity.authentication_id, iterations, hash));
  // Nobody is ever shown this key.
  if ((static_cast<unsigned char>(keys.server_key.front()) & 1U) != 0) return std::nullopt;
  return sasl::ScramCredentials{.keys = std::move(keys), .authority = sasl::Authority::refused};
}

io::Task<Result<std::optional<sasl::KeyCredentials>>> CredentialDesk::on_demand(sasl::Identity identity,
                                                                                account::Demand demand,
                                                                                std::string realm) {
  CO_TRY(begin_by_name({.by = By::password, .keys = demand}, identity.authentication_id));
  auto account = CO_TRY(co_await services_.verifier().known(identity.authentication_id));
  if (!account) co_return std::nullopt;
  const account::OnDemand& keys = account->credentials.on_demand;
  if (keys.has(demand, realm))
    co_return sasl::KeyCredentials{sasl::Secret::copy(key_of(keys, demand)),
                                   authority(identity, account->wants_second_factor())};
  CO_TRY(co_await has_keys(*account, demand));
  co_return std::nullopt;
}

io::Task<Result<std::optional<sasl::KeyCredentials>>> CredentialDesk::key(const sasl::KeyWanted& wanted) {
  return on_demand(wanted.identity, demand_of(wanted.kind), wanted.realm);
}

io::Task<Result<std::optional<sasl::KeyCredentials>>> CredentialDesk::plain_key(const sasl::Identity& identity) {
  return on_demand(identity, account::Demand::apop, {});
}

io::Task<Result<std::optional<sasl::OtpCredentials>>> CredentialDesk::otp(const sasl::Identity& identity) {
  CO_TRY(begin_by_name({.by = By::password, .keys = account::Demand::otp}, identity.authentication_id));
  account::Verifier& verifier = services_.verifier();
  const auto ticket = verifier.begin_otp(identity.authentication_id);
  if (!ticket) co_return fail(account::kBusy, "another login by one-time password is under way for this name");
  otp_turn_ = Turn{.name = identity.authentication_id, .ticket = *ticket};
  auto account = CO_TRY(co_await verifier.known(identity.authentication_id));
  if (!account) co_return std::nullopt;
  const account::OnDemand& keys = account->credentials.on_demand;
  if (keys.has(account::Demand::otp, {}) || keys.has(account::Demand::skey, {}))
    co_return sasl::OtpCredentials{*keys.otp, authority(identity, account->wants_second_factor())};
  CO_TRY(co_await has_keys(*account, keys.wants(account::Demand::otp) ? account::Demand::otp : account::Demand::skey));
  co_return std::nullopt;
}

io::Task<Result<>> CredentialDesk::replace_otp(const sasl::OtpChange& change) {
  if (!otp_turn_) co_return fail(sasl::kBadCredentials, "the turn of this exchange is over");
  co_return co_await services_.verifier().replace_otp(otp_turn_->name, otp_turn_->ticket, change.from, change.to);
}

io::Task<Result<std::string>> CredentialDesk::verify_token(const sasl::Identity& identity, const sasl::Secret& token) {
  CO_TRY(begin({.by = By::other}, identity.authentication_id));
  account::TokenVerifier* tokens = services_.verifier().tokens();
  if (tokens == nullptr) co_return fail(sasl::kUnavailable, "nobody verifies tokens here");
  auto address = co_await tokens->owner(sasl::Secret::copy(token.view()));
  if (!address && address.error().is(kTokenOver)) {
    // Clients try what they have until they get a fresh one: refused as all are, and no guess.
    counted_ = true;
    failures.add();
    co_return fail(sasl::kBadCredentials, address.error().text());
  }
  sasl::Identity owner{.authentication_id = CO_TRY(std::move(address)), .authorization_id = identity.authorization_id};
  CO_TRY(co_await services_.verifier().proven(owner.authentication_id));
  if (!may_act(owner)) co_return std::unexpected(not_authorized());
  co_return std::move(owner.authentication_id);
}

io::Task<Result<>> CredentialDesk::admit_guest(std::string_view trace) {
  CO_TRY(begin({.by = By::guest}, {}));
  CO_TRY(co_await guest_account());
  log::info("auth", "guest", {{"peer", peer_}, {"trace", escape_controls(trace)}});
  co_return Result<>();
}

io::Task<Result<sasl::GssAnswer>> CredentialDesk::gss(sasl::GssWanted wanted) {
  CO_TRY(begin({.by = By::other}, {}));
  account::TicketVerifier* tickets = services_.verifier().tickets();
  if (tickets == nullptr) co_return fail(sasl::kUnavailable, "nobody takes tickets here");
  co_return co_await tickets->accept(std::move(wanted));
}

void CredentialDesk::broken_off() { services_.verifier().broken_off(peer_); }

void CredentialDesk::over() {
  if (otp_turn_) services_.verifier().end_otp(otp_turn_->name, otp_turn_->ticket);
  otp_turn_.reset();
}

void CredentialDesk::refused() {
  log::notice(
      "auth", "login refused",
      {{"user", std::string_view(asked_).substr(0, kNameShown)}, {"peer", where_}, {"for", account::to_text(use_)}});
  asked_.clear();
  if (std::exchange(counted_, false)) return;
  failures.add();
  services_.verifier().failed(peer_);
}

io::Task<Result<account::Account>> CredentialDesk::account(const sasl::Identity& identity) {
  if (identity.standing != sasl::Standing::user) co_return fail(sasl::kNotAuthorized, "guests have no account");
  if (verified_ && verified_name_ == identity.authentication_id) co_return *std::exchange(verified_, std::nullopt);
  co_return co_await services_.verifier().proven(identity.authentication_id);
}

void CredentialDesk::is_host_user(std::uint64_t since) {
  began_ = since;
  way_ = {.by = By::host};
}

Result<Logins::Stay> CredentialDesk::enter(const account::Account& account) {
  Logins::Stay stay = services_.logins().enter(account.id, way_, began_, ends_);
  if (!stay) return fail(account::kBusy, "the logins of this account were changed at this moment; try again");
  if (way_.by != By::guest && way_.by != By::host) {
    services_.verifier().remember_proof(account, way_, peer_);
    services_.verifier().came_in(peer_);
  }
  return stay;
}

io::Task<Result<account::Account>> CredentialDesk::guest_account() {
  if (terms_.guest.empty()) co_return fail(sasl::kBadCredentials, "there are no guests here");
  auto account = CO_TRY(co_await services_.verifier().known(terms_.guest));
  if (!account) co_return fail(sasl::kUnavailable, "the account that guests read is not there");
  co_return *std::move(account);
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
