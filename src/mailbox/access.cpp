#include "mailbox/access.h"

#include <algorithm>

#include "mailbox/account.h"

namespace angarium::mailbox {

AccessList changed(AccessList list, const AccessEntry& entry, AccessChange change) {
  const auto is_it = [&](const AccessEntry& other) {
    return other.identifier == entry.identifier && other.sense == entry.sense;
  };
  auto at = std::ranges::find_if(list, is_it);
  if (at == list.end()) at = list.insert(at, {entry.identifier, entry.sense, 0});
  switch (change) {
    case AccessChange::replace: at->rights = entry.rights; break;
    case AccessChange::add: at->rights |= entry.rights; break;
    case AccessChange::remove: at->rights &= static_cast<Rights>(~entry.rights); break;
  }
  if (at->rights == 0) list.erase(at);
  std::ranges::sort(list, {}, [](const AccessEntry& line) { return std::pair(line.identifier, line.sense); });
  return list;
}

Rights rights_of(const AccessList& list, const std::vector<std::string>& identifiers) {
  Rights granted = 0;
  Rights denied = 0;
  for (const AccessEntry& entry : list) {
    if (std::ranges::find(identifiers, entry.identifier) == identifiers.end()) continue;
    (entry.sense == AccessEntry::Sense::grant ? granted : denied) |= entry.rights;
  }
  return granted & static_cast<Rights>(~denied);
}

void Sharing::put(AccountId account, Identifiers identifiers) {
  if (const auto at = granted_.find(account); at != granted_.end()) {
    for (const std::string& before : at->second) {
      const auto owners = accounts_.find(before);
      owners->second.erase(account);
      if (owners->second.empty()) accounts_.erase(owners);
    }
    granted_.erase(at);
  }
  for (const std::string& identifier : identifiers) accounts_[identifier].insert(account);
  if (!identifiers.empty()) granted_.emplace(account, std::move(identifiers));
}

void Sharing::set(AccountId account, Identifiers identifiers) {
  const std::lock_guard lock(mutex_);
  if (!known_) said_.insert(account);
  put(account, std::move(identifiers));
}

void Sharing::set_all(std::map<AccountId, Identifiers> found) {
  const std::lock_guard lock(mutex_);
  if (known_) return;
  for (auto& [account, identifiers] : found)
    if (!said_.contains(account)) put(account, std::move(identifiers));
  said_.clear();
  known_ = true;
}

bool Sharing::known() const {
  const std::lock_guard lock(mutex_);
  return known_;
}

std::vector<AccountId> Sharing::accounts(const std::vector<std::string>& identifiers) const {
  const std::lock_guard lock(mutex_);
  std::set<AccountId> found;
  for (const std::string& identifier : identifiers)
    if (const auto at = accounts_.find(identifier); at != accounts_.end())
      found.insert(at->second.begin(), at->second.end());
  return {found.begin(), found.end()};
}

}  // namespace angarium::mailbox
