// Where mail for an address goes at this moment: into a mailbox of this host, or by a transport.
#pragma once

#include <string>

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

/// The queue's destination of a recipient: its domain or address literal in the form that compares.
std::string destination_of(const envelope::Mailbox& recipient);

}  // namespace angarium::agent
