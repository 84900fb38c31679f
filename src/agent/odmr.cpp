#include "agent/odmr.h"

#include "base/text.h"
#include "message/domain.h"

namespace angarium::agent {
namespace {

/// The one form of an account's address.
std::string account_key(std::string_view address) {
  const std::size_t at = std::min(address.rfind('@'), address.size());
  std::string key = to_lower(address.substr(0, at));
  if (at < address.size()) key += "@" + message::domain_key(address.substr(at + 1));
  return key;
}

}  // namespace

OdmrCustomers::OdmrCustomers(const std::vector<configuration::OdmrCustomer>& customers) {
  for (const configuration::OdmrCustomer& customer : customers) {
    for (const std::string& domain : customer.domains) {
      const std::string key = message::domain_key(domain);
      accounts_[account_key(customer.account)].insert(key);
      domains_.insert(key);
    }
  }
}

std::vector<std::string> OdmrCustomers::domains_of(std::string_view account) const {
  if (accounts_.empty()) return {};
  const auto at = accounts_.find(account_key(account));
  return at == accounts_.end() ? std::vector<std::string>() : std::vector(at->second.begin(), at->second.end());
}

bool OdmrCustomers::contains(std::string_view domain) const {
  return !domains_.empty() && domains_.contains(message::domain_key(domain));
}

}  // namespace angarium::agent
