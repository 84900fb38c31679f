// Where mail for an address goes at this moment: into a mailbox of this host, or by a transport.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "account/directory.h"
#include "agent/sorting.h"
#include "envelope/path.h"
#include "route/transport.h"

namespace angarium::agent {

struct Way {
  bool local = false;          ///< a mailbox here, or a name that leads on from here; else:
  route::Transport transport;  ///< as the transport map says
  std::string rule;            ///< of the map that matched; empty: none
  std::string user;            ///< whose rights a target is used with; empty: the server's
  Sorted::Onward::Chosen chosen = Sorted::Onward::Chosen::by_user;  ///< who chose the target
};

/// What is asked of a way.
struct Wayfarer {
  std::string destination;  ///< of the queue
  envelope::Mailbox recipient;
  envelope::ReversePath sender;
};
/// A domain that is served here stays here, whatever the map says, and so do names of this host (`local`, may be null);
/// a destination that is a target is the way itself.
Result<Way> find_way(account::Directory& directory, const LocalTerms* local, const route::TransportMap& map,
                     const Wayfarer& wayfarer, store::Tier tier);

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
/// That of a copy: its address', or "target TARGET", "target user=NAME TARGET", and "target mailbox=NAME TARGET"
/// where the operator has chosen it.
std::string destination_of(const Sorted::Onward& onward);

}  // namespace angarium::agent
