// The whole decision about one recipient, told step by step.
#pragma once

#include <optional>

#include "route/hosts.h"
#include "route/transport.h"

namespace angarium::route {

/// What would be done with a message that goes elsewhere.
struct Explanation {
  Decision decision;
  /// In the order in which they would be tried now; nothing where the transport needs no DNS.
  std::optional<Hosts> hosts;
  std::uint16_t port = 0;       ///< of the hosts; 0: none
  std::optional<Status> reply;  ///< what the sender would hear instead; nothing where there is a way
  Facts facts;                  ///< the keys looked for, then what the DNS said

  /// No way for now, but perhaps later.
  [[nodiscard]] bool temporary() const { return reply && reply->code < 500; }
};

/// Asks as a delivery would. What is passed by reference must live as long as the task. `port`: where DNS hosts are
/// called.
io::Task<Explanation> explain(io::Resolver& resolver, const TransportMap& map, const HostsOptions& options,
                              Random& random, envelope::Mailbox recipient, envelope::ReversePath sender,
                              std::uint16_t port = 25);

}  // namespace angarium::route
