// Where mail for an address goes at this moment: into a mailbox of this host, or by a transport.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "account/directory.h"
#include "envelope/path.h"
#include "route/transport.h"

namespace angarium::agent {

struct Way {
  bool local = false;          ///< the domain is served here; else:
  route::Transport transport;  ///< as the transport map says
  std::string rule;            ///< of the map that matched; empty: none
};

/// A domain that is served here stays here, whatever the map says.
Result<Way> find_way(account::Directory& directory, const route::TransportMap& map, const envelope::Mailbox& recipient,
                     const envelope::ReversePath& sender, store::Tier tier);

/// Domains that are not served here and whose mail is taken all the same. Immutable.
class RelayDomains {
 public:
  RelayDomains() = default;
  /// "example.net" is this domain, ".example.net" all below it, in any of their forms (IDNA).
  explicit RelayDomains(const std::vector<std::string>& domains);
  [[nodiscard]] bool contains(std::string_view domain) const;

 private:
  std::set<std::string> keys_;
};

/// The queue's destination of a recipient: its domain or address literal in the form that compares.
std::string destination_of(const envelope::Mailbox& recipient);

}  // namespace angarium::agent
