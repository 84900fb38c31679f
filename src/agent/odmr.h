// Customers that fetch the mail of their domains (On-Demand Mail Relay, RFC 2645).
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "configuration/configuration.h"

namespace angarium::agent {

/// Which account may fetch what. Immutable.
class OdmrCustomers {
 public:
  OdmrCustomers() = default;
  explicit OdmrCustomers(const std::vector<configuration::OdmrCustomer>& customers);
  /// The destinations of the queue that this account fetches; none: it is no customer.
  [[nodiscard]] std::vector<std::string> domains_of(std::string_view account) const;
  /// Whether somebody fetches the mail of this domain, in any of its forms (IDNA).
  [[nodiscard]] bool contains(std::string_view domain) const;

 private:
  std::map<std::string, std::set<std::string>, std::less<>> accounts_;
  std::set<std::string> domains_;
};

}  // namespace angarium::agent
