#include "account/withdrawal.h"

#include <algorithm>

namespace angarium::account {
namespace {

/// OTP and SKEY have one state: as long as one of them is asked for, it lets in.
bool lets_in(const OnDemand& keys, Demand demand) {
  if (demand == Demand::otp || demand == Demand::skey) return keys.wants(Demand::otp) || keys.wants(Demand::skey);
  return keys.wants(demand);
}

}  // namespace

std::optional<Withdrawal> withdrawn_by(const Account& before, const Account& after) {
  if (before.status == Status::enabled && after.status != Status::enabled)
    return Withdrawal{.of = Withdrawal::Of::account, .account = after.id};
  // A password alone is no longer enough once there is a second factor.
  if (before.credentials.version != after.credentials.version ||
      (!before.wants_second_factor() && after.wants_second_factor()))
    return Withdrawal{.of = Withdrawal::Of::password, .account = after.id};
  Withdrawal keys{.of = Withdrawal::Of::keys, .account = after.id};
  for (const Demand demand : kDemands)
    if (lets_in(before.credentials.on_demand, demand) && !lets_in(after.credentials.on_demand, demand))
      keys.demands.push_back(demand);
  if (keys.demands.empty()) return std::nullopt;
  return keys;
}

std::optional<Withdrawal> withdrawn_by(AccountId account, std::span<const AppPassword> before,
                                       std::span<const AppPassword> after) {
  Withdrawal found{.of = Withdrawal::Of::app_passwords, .account = account};
  for (const AppPassword& one : before)
    if (std::ranges::find(after, one.digest, &AppPassword::digest) == after.end()) found.digests.push_back(one.digest);
  if (found.digests.empty()) return std::nullopt;
  return found;
}

bool ends(const Withdrawal& withdrawal, const Proof& proof) {
  using Of = Withdrawal::Of;
  switch (withdrawal.of) {
    case Of::account: return true;
    case Of::password: return proof.by == Proof::By::password;
    case Of::keys: return proof.keys && std::ranges::find(withdrawal.demands, *proof.keys) != withdrawal.demands.end();
    case Of::app_passwords: break;
  }
  return proof.by == Proof::By::app_password &&
         std::ranges::find(withdrawal.digests, proof.digest) != withdrawal.digests.end();
}

}  // namespace angarium::account
