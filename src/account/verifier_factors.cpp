// What stands beside an account's own password: app passwords, and the second factor.
#include <algorithm>

#include "account/verifier.h"
#include "base/log.h"
#include "base/text.h"

namespace angarium::account {
namespace {

Error refused() { return {sasl::kBadCredentials, "the user name or the password is wrong"}; }
Error wait_first() { return {kLockedOut, "too many failed logins from this address; wait some minutes"}; }

/// Somebody else keeps the password, and may know nobody of the name any more.
bool is_kept_elsewhere(const Account& account) {
  return account.origin != Origin::added && account.credentials.argon2id.empty();
}

}  // namespace

/// Whose name this is, whoever keeps the password.
io::Task<Result<std::optional<Account>>> Verifier::owner(std::string name) {
  auto account = CO_TRY(co_await find(name));
  if (!account && users_ != nullptr) account = CO_TRY(co_await users_->account(std::move(name)));
  if (account && account->status != Status::enabled) co_return std::nullopt;
  co_return std::move(account);
}

io::Task<Result<std::vector<AppPassword>>> Verifier::app_passwords(AccountId account) {
  auto found = directory_.app_passwords(account, store::Tier::memory);
  if (found || !found.error().is(store::kWouldBlock)) co_return std::move(found);
  co_return co_await io::run(read_pool_, [this, account] { return directory_.app_passwords(account); });
}

io::Task<Result<Verified>> Verifier::check_password(std::string name, std::string prepared_password, std::string peer,
                                                    Use use) {
  if (attempts_.locked_out(peer)) co_return std::unexpected(wait_first());
  if (auto secret = app_password_in(prepared_password)) {
    auto account = CO_TRY(co_await by_app_password(name, *std::move(secret), peer, use));
    if (account) wipe(prepared_password);
    if (account) co_return *std::move(account);
  }
  std::string code;
  if (const auto both = split_code(prepared_password)) {
    // Elsewhere it is a part of the password. While nobody can tell whose it is, nobody else is sent a code.
    const auto wanted = co_await wants_second_factor(name);
    if (!wanted && wanted.error().temporary()) {
      wipe(prepared_password);
      co_return std::unexpected(wanted.error());
    }
    if (wanted && *wanted) {
      code = both->code;
      prepared_password.resize(both->password.size());
    }
  }
  auto account = CO_TRY(co_await check_own_password(std::move(name), std::move(prepared_password), peer));
  if (account.wants_second_factor() && code.empty())
    co_return fail(sasl::kSecondFactor, "this account has a second factor: log in with an app password");
  if (!code.empty()) CO_TRY(co_await check_second_factor(account, std::move(code), std::move(peer)));
  co_return Verified{std::move(account), {.by = Proof::By::password}};
}

/// Nothing where it is none of the account's. While a directory elsewhere does not answer, who is known goes on.
io::Task<Result<std::optional<Verified>>> Verifier::by_app_password(std::string name, sasl::Secret secret,
                                                                    std::string peer, Use use) {
  auto account = co_await owner(std::move(name));
  if (!account || !*account) co_return std::nullopt;
  const auto all = CO_TRY(co_await app_passwords((**account).id));
  const AppPassword* const found = find_app_password(all, secret);
  if (found == nullptr) co_return std::nullopt;
  if (is_kept_elsewhere(**account) && users_ != nullptr) {
    const auto there = co_await users_->account((**account).address);
    if (there && (!*there || (**there).id != (**account).id)) co_return std::nullopt;
  }
  const WallTime now = clock_.wall();
  const bool over = found->is_over(now);
  if (over || !found->allows(use)) {
    log::notice("account", over ? "app password is over" : "app password is not for this",
                {{"user", (**account).address}, {"password", found->name}, {"for", to_text(use)}, {"peer", peer}});
    co_return fail(sasl::kOutOfScope, "this password is not for this service, or is over");
  }
  log::info("account", "app password",
            {{"user", (**account).address}, {"password", found->name}, {"for", to_text(use)}, {"peer", peer}});
  note_use(**account, *found, {.at = now, .use = use, .peer = std::move(peer)});
  co_return Verified{**std::move(account),
                     {.by = Proof::By::app_password, .digest = found->digest, .until = found->expires}};
}

/// Behind the login, and seldom. One that was removed or noted meanwhile stays as it is.
void Verifier::note_use(const Account& account, const AppPassword& password, LastUse use) {
  const std::int64_t since = use.at.microseconds - (password.last_use ? password.last_use->at.microseconds : 0);
  if (password.last_use && since >= 0 && Duration(since) < kUseNoted) return;
  auto submitted =
      read_pool_.submit([&directory = directory_, address = account.address, password, use = std::move(use)] {
        const auto noted = directory.change_app_passwords(address, [&](std::vector<AppPassword>& all) -> Result<> {
          const auto at = std::ranges::find(all, password);
          if (at == all.end()) return fail(kUnknown, "it was changed meanwhile");
          at->last_use = use;
          return {};
        });
        if (!noted && !noted.error().is(kUnknown))
          log::warning("account", "the use of an app password could not be noted",
                       {{"user", address}, {"error", noted.error().text()}});
      });
  // With too much to do it is noted by a later login.
  (void)submitted;
}

io::Task<Result<bool>> Verifier::wants_second_factor(std::string name) {
  const auto account = CO_TRY(co_await owner(std::move(name)));
  co_return account && account->wants_second_factor();
}

io::Task<Result<>> Verifier::check_second_factor(Account account, std::string code, std::string peer) {
  const std::string counted = std::to_string(account.id);
  if (attempts_.locked_out(peer)) co_return std::unexpected(wait_first());
  if (code_attempts_.locked_out(counted)) {
    log::notice("account", "too many wrong codes of the second factor", {{"user", account.address}, {"peer", peer}});
    co_return fail(kLockedOut, "too many wrong codes for this account; an app password works");
  }
  const WallTime now = clock_.wall();
  bool right = account.wants_second_factor() && take_code(*account.totp, code, now);
  if (right)
    right = CO_TRY(co_await io::run(
        read_pool_, [this, address = account.address, id = account.id, code = std::move(code), now]() -> Result<bool> {
          bool taken = false;
          TRY(directory_.change_account(address, [&](Account& current) {
            taken = current.id == id && current.wants_second_factor() && take_code(*current.totp, code, now);
          }));
          return taken;
        }));
  if (right) {
    log::info("account", "second factor", {{"user", account.address}, {"peer", peer}});
    co_return Result<>();
  }
  attempts_.failed(peer);
  code_attempts_.failed(counted);
  log::notice("account", "wrong code of the second factor", {{"user", account.address}, {"peer", peer}});
  co_return std::unexpected(refused());
}

}  // namespace angarium::account
