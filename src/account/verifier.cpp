#include "account/verifier.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"

namespace angarium::account {
namespace {

Error refused() { return {sasl::kBadCredentials, "the user name or the password is wrong"}; }

/// What logins of one name share, however it is written.
std::string same_name(std::string_view name) {
  auto canonical = canonical_address(name);
  return canonical ? *std::move(canonical) : to_lower(name);
}

}  // namespace

Verifier::Verifier(Directory& directory, io::Pool& read_pool, VerifierOptions options, const Clock& clock,
                   Random& random)
    : directory_(directory),
      read_pool_(read_pool),
      options_(options),
      attempts_(options.attempts, clock),
      broken_off_(broken_off_limits(options.attempts), clock),
      code_attempts_(kCodeLimits, clock),
      decoy_(decoy_hash(options.cost, random).value_or("")),
      decoy_key_(random.octets(32)),
      cache_key_(random.octets(32)),
      clock_(clock),
      hash_pool_({.name = "password", .threads = options.threads, .queue = options.queue}) {}

AttemptLimits Verifier::broken_off_limits(AttemptLimits limits) {
  limits.failures_max = std::min(limits.failures_max, UINT32_MAX / kBrokenOffPerFailure) * kBrokenOffPerFailure;
  return limits;
}

io::Task<Result<std::optional<Account>>> Verifier::find(std::string name) {
  auto found = directory_.account(name, store::Tier::memory);
  if (found || !found.error().is(store::kWouldBlock)) co_return std::move(found);
  co_return co_await io::run(read_pool_, [this, name = std::move(name)] { return directory_.account(name); });
}

/// What a verified password is remembered under. The key lives in this process only, so the table is of no use
/// elsewhere; the version of the credentials makes a changed password unknown at once.
std::string Verifier::fingerprint(const Account& account, std::string_view password) const {
  std::string message;
  message.reserve(64 + password.size());  // growing would leave a copy of the password behind
  message += std::to_string(account.id) + ":" + std::to_string(account.credentials.version) + ":";
  message += password;
  return keyed(std::move(message));
}

/// No account's begins with a letter.
std::string Verifier::users_fingerprint(std::string_view name, std::string_view password) const {
  std::string message;
  message.reserve(64 + name.size() + password.size());
  message += "users:" + std::to_string(name.size()) + ":";
  message += name;
  message += password;
  return keyed(std::move(message));
}

/// Nor do others begin like this. What is withdrawn has another one: a password that was changed, or is not enough.
std::string Verifier::proof_fingerprint(const Account& account, const Proof& proof, std::string_view peer) const {
  std::string by = "other";
  if (proof.by == Proof::By::app_password) by = "app:" + proof.digest;
  if (proof.by == Proof::By::password)
    by = "own:" + std::to_string(account.credentials.version) + (account.wants_second_factor() ? ":2" : "");
  return keyed("proof:" + std::to_string(account.id) + "|" + by + "|" + attempt_key(peer));
}

std::string Verifier::keyed(std::string message) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), cache_key_.data(), static_cast<int>(cache_key_.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(), &size);
  wipe(message);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

bool Verifier::remembered(const std::string& fingerprint) {
  const std::lock_guard lock(mutex_);
  if (cache_[0].contains(fingerprint)) return true;
  if (!cache_[1].contains(fingerprint)) return false;
  cache_[0].emplace(fingerprint, true);
  return true;
}

/// Two generations: when the young one has half of the room it becomes the old one, and what nobody asked for since is
/// forgotten.
void Verifier::remember(std::string fingerprint) {
  const std::lock_guard lock(mutex_);
  if (cache_[0].size() >= options_.cache_max / 2) {
    cache_[1] = std::move(cache_[0]);
    cache_[0] = {};
  }
  cache_[0].emplace(std::move(fingerprint), true);
}

/// What was right a moment ago is not asked again.
io::Task<Result<Users::Check>> Verifier::ask_users(std::string name, std::string_view password, std::string peer) {
  const std::string print = users_fingerprint(name, password);
  std::optional<Right> known;
  {
    const std::lock_guard lock(mutex_);
    const auto at = users_cache_.find(print);
    if (at != users_cache_.end() && clock_.now() < at->second.until) known = at->second;
  }
  if (known) {
    auto account = CO_TRY(co_await users_->account(known->address));
    if (account && account->id == known->id && account->status == Status::enabled)
      co_return Users::Check{.kind = Users::Check::Kind::right, .account = *std::move(account)};
  }
  auto check = CO_TRY(co_await users_->check_password(std::move(name), sasl::Secret::copy(password), std::move(peer)));
  if (check.kind == Users::Check::Kind::right && options_.users_cache > Duration(0)) {
    const std::lock_guard lock(mutex_);
    if (users_cache_.size() >= options_.cache_max) users_cache_.clear();
    users_cache_[print] = {
        .until = clock_.now() + options_.users_cache, .id = check.account.id, .address = check.account.address};
  }
  co_return check;
}

io::Task<Result<Account>> Verifier::check_own_password(std::string name, std::string prepared_password,
                                                       std::string peer) {
  auto account = CO_TRY(co_await find(name));
  const bool disabled = account && account->status != Status::enabled;
  const bool usable = account && !disabled && !account->credentials.argon2id.empty();
  if (users_ != nullptr && !usable && !disabled) {
    auto check = co_await ask_users(std::move(name), prepared_password, peer);
    if (!check || check->kind != Users::Check::Kind::nobody) wipe(prepared_password);
    if (!check) co_return std::unexpected(std::move(check).error());
    if (check->kind == Users::Check::Kind::right) co_return std::move(check->account);
    if (check->kind == Users::Check::Kind::wrong) {
      attempts_.failed(peer);
      co_return std::unexpected(refused());
    }
  }
  std::string print;
  sasl::Secret kept;  // for keys that can only be made now
  if (usable) {
    if (account->credentials.on_demand.lacks(options_.realm)) kept = sasl::Secret::copy(prepared_password);
    print = fingerprint(*account, prepared_password);
    if (remembered(print)) {
      wipe(prepared_password);
      if (!kept.empty()) co_await make_missing(*account, std::move(kept));
      co_return *std::move(account);
    }
  }
  hashes_.fetch_add(1);
  // An unknown user costs the same hash, so that time does not tell who exists.
  auto right = co_await io::run(hash_pool_, [password = std::move(prepared_password),
                                             hash = usable ? account->credentials.argon2id : decoy_]() mutable {
    const bool verified = verify_password(password, hash);
    wipe(password);
    return verified;
  });
  if (!right) {
    if (right.error().is(kOutOfMemory)) co_return std::unexpected(std::move(right).error());
    co_return fail(kBusy, "too many logins at this moment; try again");
  }
  if (!usable || !*right) {
    attempts_.failed(peer);
    co_return std::unexpected(refused());
  }
  remember(std::move(print));
  if (!kept.empty()) co_await make_missing(*account, std::move(kept));
  co_return *std::move(account);
}

/// The password is here and right: what was asked for since it was set can be made. A login does not fail by it.
io::Task<> Verifier::make_missing(Account account, sasl::Secret password) {
  const std::string address = account.address;
  const Credentials& before = account.credentials;
  auto made = co_await io::run(hash_pool_,
                               [keys = before.on_demand, address, realm = options_.realm,
                                secret = std::move(password)]() mutable -> Result<OnDemand> {
                                 TRY(make_on_demand(keys, secret.view(), address, realm));
                                 return std::move(keys);
                               });
  if (!made || *made == before.on_demand) co_return;  // the password is no pass phrase, or too much waits
  auto stored = co_await io::run(read_pool_, [this, &before, address, keys = *std::move(made)]() -> Result<bool> {
    bool changed = false;
    TRY(directory_.change_account(address, [&](Account& now) {
      // Another password, or another wish, has its own keys; and a one-time password that was used meanwhile stays
      // used: the next login makes what is still missing.
      changed = now.credentials.version == before.version && now.credentials.on_demand == before.on_demand;
      if (changed) now.credentials.on_demand = keys;
    }));
    return changed;
  });
  if (stored && !*stored) co_return;
  if (stored)
    log::info("account", "keys made", {{"user", address}});
  else
    log::warning("account", "keys could not be kept", {{"user", address}, {"error", stored.error().text()}});
}

io::Task<Result<std::optional<Account>>> Verifier::known(std::string name) {
  auto account = CO_TRY(co_await find(std::move(name)));
  if (!account || account->status != Status::enabled) co_return std::nullopt;
  co_return std::move(account);
}

std::optional<std::uint64_t> Verifier::begin_otp(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const Moment now = clock_.now();
  OtpTurn& turn = otp_turns_[same_name(name)];
  if (turn.ticket != 0 && now - turn.began < kOtpPatience) return std::nullopt;
  turn = {.ticket = next_ticket_++, .began = now};
  return turn.ticket;
}

void Verifier::end_otp(const std::string& name, std::uint64_t ticket) {
  const std::lock_guard lock(mutex_);
  const auto turn = otp_turns_.find(same_name(name));
  if (turn != otp_turns_.end() && turn->second.ticket == ticket) otp_turns_.erase(turn);
}

io::Task<Result<>> Verifier::replace_otp(std::string name, std::uint64_t ticket, sasl::OtpState from,
                                         sasl::OtpState to) {
  {
    const std::lock_guard lock(mutex_);
    const auto turn = otp_turns_.find(same_name(name));
    if (turn == otp_turns_.end() || turn->second.ticket != ticket) co_return std::unexpected(refused());
  }
  co_return co_await io::run(read_pool_,
                             [this, name = std::move(name), from = std::move(from), to = std::move(to)]() -> Result<> {
                               bool changed = false;
                               TRY(directory_.change_account(name, [&](Account& account) {
                                 std::optional<sasl::OtpState>& state = account.credentials.on_demand.otp;
                                 changed = account.status == Status::enabled && state == from;
                                 if (changed) state = to;
                               }));
                               if (!changed) return std::unexpected(refused());
                               return {};
                             });
}

void Verifier::remember_proof(const Account& account, const Proof& proof, std::string_view peer) {
  std::string print = proof_fingerprint(account, proof, peer);
  if (!remembered(print)) remember(std::move(print));
}

io::Task<Result<bool>> Verifier::has_proved(Account account, std::string peer) {
  if (remembered(proof_fingerprint(account, {.by = Proof::By::password}, peer))) co_return true;
  if (remembered(proof_fingerprint(account, {.by = Proof::By::other}, peer))) co_return true;
  const auto all = CO_TRY(co_await app_passwords(account.id));
  const WallTime now = clock_.wall();
  for (const AppPassword& one : all) {
    const Proof proof{.by = Proof::By::app_password, .digest = one.digest};
    if (!one.is_over(now) && remembered(proof_fingerprint(account, proof, peer))) co_return true;
  }
  co_return false;
}

io::Task<Result<std::optional<sasl::ScramKeys>>> Verifier::scram_keys(std::string name, sasl::Hash hash) {
  auto account = CO_TRY(co_await find(name));
  if (account && account->status != Status::enabled) co_return std::nullopt;
  if (users_ != nullptr && (!account || account->credentials.argon2id.empty()))
    co_return co_await users_->scram_keys(std::move(name), hash);
  if (!account) co_return std::nullopt;
  if (hash == sasl::Hash::sha512) co_return std::move(account->credentials.on_demand.scram_sha_512);
  for (sasl::ScramKeys& keys : account->credentials.scram)
    if (keys.hash == hash) co_return std::move(keys);
  co_return std::nullopt;
}

io::Task<Result<Account>> Verifier::proven(std::string name) {
  auto account = CO_TRY(co_await find(name));
  if (account && account->origin == Origin::elsewhere && account->credentials.argon2id.empty() && users_ != nullptr) {
    // Who is gone there does not come in by a token or a certificate that goes on.
    auto there = CO_TRY(co_await users_->account(account->address));
    if (!there || there->id != account->id) co_return std::unexpected(refused());
  } else if (!account && users_ != nullptr) {
    account = CO_TRY(co_await users_->account(std::move(name)));
  }
  if (!account || account->status != Status::enabled) co_return std::unexpected(refused());
  co_return *std::move(account);
}

}  // namespace angarium::account
