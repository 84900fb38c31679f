// Carries out what the command line asks: the same code in a running server and with the store opened by the command
// itself.
#pragma once

#include <functional>

#include "agent/report.h"
#include "agent/services.h"
#include "control/request.h"
#include "control/server.h"

namespace angarium::agent {

/// Verbs: account.add|list|show|set|password|remove, domain.add|list|show|set|remove, alias.add|list|show|remove,
/// route.local, store.verify|snapshot|sweep|status, and those of queue_verbs.h. Arguments are in administrator.cpp
/// beside each verb. Any loop may use one.
class Administrator {
 public:
  /// Gives what reports are made by.
  using Reports = std::function<ReportTerms()>;
  Administrator(Services& services, Reports reports) : services_(services), reports_(std::move(reports)) {}

  io::Task<control::Reply> execute(control::Request request, control::Tell tell);

 private:
  Services& services_;
  Reports reports_;
};

/// Root and the user who runs the server may; others are noted in the log.
bool may_administer(control::Caller caller, const control::Request& request);
Error not_permitted();

/// The handler of the control socket: root and the user who runs the server may administer; others are refused.
control::Handler administration(Administrator& administrator);

}  // namespace angarium::agent
