// Carries out what the command line asks: the same code in a running server and with the store opened by the command
// itself.
#pragma once

#include "agent/services.h"
#include "control/request.h"
#include "control/server.h"

namespace angarium::agent {

/// Verbs: account.add|list|show|set|password|remove, domain.add|list|show|set|remove, alias.add|list|show|remove,
/// route.local, store.verify|snapshot|sweep|status. Arguments are in administrator.cpp beside each verb. Any loop may
/// use one.
class Administrator {
 public:
  explicit Administrator(Services& services) : services_(services) {}

  io::Task<control::Reply> execute(control::Request request, control::Tell tell);

 private:
  Services& services_;
};

/// The handler of the control socket: root and the user who runs the server may administer; others are refused.
control::Handler administration(Administrator& administrator);

}  // namespace angarium::agent
