// By what somebody is logged in, and what lets them in no longer: sessions that came by it have to end.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "account/app_password.h"
#include "account/on_demand.h"
#include "account/types.h"
#include "base/time.h"

namespace angarium::account {

/// By what somebody came in.
struct Proof {
  enum class By : std::uint8_t {
    password,      ///< the account's own, or what is made of it
    app_password,  ///< one of the account's
    guest,         ///< none: who reads as a guest
    host,          ///< none: a user of this host, whom the kernel names
    other,         ///< the word of somebody else: tokens, tickets, certificates
  } by = By::other;
  std::optional<Demand> keys{};     ///< by keys that are kept for who asks for them; OTP and SKEY are both Demand::otp
  std::string digest{};             ///< of the app password
  std::optional<WallTime> until{};  ///< from then on the app password is good for nothing
};

struct Withdrawal {
  enum class Of : std::uint8_t {
    account,        ///< disabled or removed: whoever it was let in
    password,       ///< another one was set, or it is no longer enough: who has proved it alone
    keys,           ///< nobody asks for them any more: those named by their demands
    app_passwords,  ///< removed: those named by their digests
  } of = Of::account;
  AccountId account = 0;
  std::vector<std::string> digests{};
  std::vector<Demand> demands{};
};

/// What a change of an account takes from those who are logged in; nothing: no login is worth less by it.
std::optional<Withdrawal> withdrawn_by(const Account& before, const Account& after);
/// The same of its app passwords.
std::optional<Withdrawal> withdrawn_by(AccountId account, std::span<const AppPassword> before,
                                       std::span<const AppPassword> after);
/// Whether who came in by this, to the same account, has to leave.
bool ends(const Withdrawal& withdrawal, const Proof& proof);

}  // namespace angarium::account
