#include "agent/key_verbs.h"

#include <boost/json.hpp>

#include "account/password.h"
#include "base/text.h"

namespace angarium::agent {
namespace {

namespace json = boost::json;
using account::Account;
using account::Demand;

constexpr ErrorKind kUnknownMechanism{"agent.unknown-mechanism", Fault::user, Lasting::permanent};
constexpr ErrorKind kNoOwnPassword{"agent.no-own-password", Fault::user, Lasting::permanent};

Result<std::vector<Demand>> demands_of(const control::Request& request, std::string_view name) {
  std::vector<Demand> demands;
  for (const auto& [key, value] : request.arguments) {
    if (key != name) continue;
    const auto demand = account::parse_demand(value);
    if (!demand) {
      std::string all;
      for (const Demand one : account::kDemands) all += (all.empty() ? "" : ", ") + std::string(account::to_text(one));
      return fail(kUnknownMechanism, "no keys are kept for '" + escape_controls(value) + "': it is one of " + all);
    }
    demands.push_back(*demand);
  }
  return demands;
}

/// Where a mechanism stands for the account, and what comes next.
json::object show(const Account& account, Demand demand, std::string_view realm) {
  const account::OnDemand& keys = account.credentials.on_demand;
  const bool wanted = keys.wants(demand);
  const bool kept = keys.has(demand, realm);
  std::string note;
  if (kept) {
    note = account::risk_of(demand);
  } else if (wanted) {
    note = "made when the password is given next (PLAIN, LOGIN, USER), or set: angarium account password " +
           account.address;
    if (demand == Demand::otp || demand == Demand::skey) note += "; it needs 10 octets at least";
    note += "; then " + std::string(account::risk_of(demand));
  }
  return {{"mechanism", std::string(account::to_text(demand))},
          {"keys", kept     ? "kept"
                   : wanted ? "wanted"
                            : "none"},
          {"note", std::move(note)}};
}

}  // namespace

Result<std::string> account_keys(Services& services, const control::Request& request) {
  const std::vector<Demand> add = TRY(demands_of(request, "add"));
  const std::vector<Demand> remove = TRY(demands_of(request, "remove"));
  const std::string address(request.get("address"));
  Account account;
  if (add.empty() && remove.empty()) {
    auto found = TRY(services.directory().account(address));
    if (!found) return fail(account::kUnknown, "there is no account " + escape_controls(address));
    account = *std::move(found);
  } else {
    bool refused = false;
    account = TRY(services.directory().change_account(address, [&](Account& changed) {
      refused = !add.empty() && changed.credentials.argon2id.empty();
      if (refused) return;
      for (const Demand demand : add) changed.credentials.on_demand.want(demand);
      for (const Demand demand : remove) changed.credentials.on_demand.unwant(demand);
    }));
    // They are made from the password when its owner logs in by it, and such a password is not known here.
    if (refused)
      return fail(kNoOwnPassword, escape_controls(account.address) +
                                      " has no password here (the host or a directory elsewhere keeps it, or none was "
                                      "set): no keys can be made for it");
  }
  json::array rows;
  for (const Demand demand : account::kDemands) rows.push_back(show(account, demand, services.verifier().realm()));
  return json::serialize(rows);
}

Result<Account> set_password(Services& services, const std::string& address, std::string password) {
  const sasl::Secret kept(std::move(password));
  const auto before = TRY(services.directory().account(address));
  if (!before) return fail(account::kUnknown, "there is no account " + escape_controls(address));
  account::Credentials fresh = TRY(account::make_credentials(kept.view(), services.password_cost()));
  fresh.on_demand.wanted = before->credentials.on_demand.wanted;
  TRY(account::make_on_demand(fresh.on_demand, kept.view(), before->address, services.verifier().realm()));
  return services.directory().change_account(address, [&](Account& account) {
    const std::uint64_t version = account.credentials.version;
    const account::OnDemand wishes = account.credentials.on_demand;
    account.credentials = fresh;
    account.credentials.version = version + 1;
    // Wishes may have changed meanwhile.
    for (const Demand demand : account::kDemands)
      if (wishes.wants(demand))
        account.credentials.on_demand.want(demand);
      else
        account.credentials.on_demand.unwant(demand);
  });
}

}  // namespace angarium::agent
