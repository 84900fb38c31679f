// Carries out what the command line asks: the same code in a running server and with the store opened by the command
// itself.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/location_of.h"
#include "agent/report.h"
#include "agent/services.h"
#include "agent/sorting.h"
#include "agent/store_verbs.h"
#include "control/request.h"
#include "control/server.h"
#include "fetch/boxes.h"

namespace angarium::agent {

/// What the configuration says to administrators.
struct AdministratorTerms {
  ReportTerms reports;                      ///< what reports are made by
  std::shared_ptr<const LocalTerms> local;  ///< null: the host has no names of its own
  std::vector<std::string> alias_files;
  StoreTerms store;
  LocationTerms locations;
};
AdministratorTerms administrator_terms(const configuration::Configuration& configuration);

/// Verbs: account.add|list|show|set|password|remove, domain.add|list|show|set|remove, alias.add|list|show|remove,
/// aliases.check, route.local, store.verify|snapshot|sweep|status, and those of queue_verbs.h, trace_verbs.h,
/// location_verbs.h and fetch_verbs.h. Arguments are in administrator.cpp beside each verb. Any loop may use one.
class Administrator {
 public:
  using Terms = std::function<AdministratorTerms()>;
  /// `seal`: what passwords at other hosts are sealed with.
  Administrator(Services& services, Terms terms, Result<fetch::Seal> seal)
      : services_(services), boxes_(services.tablet(), std::move(seal)), terms_(std::move(terms)) {}

  io::Task<control::Reply> execute(control::Request request, control::Tell tell);
  /// The boxes at other hosts; what fetches them and what changes them share these.
  [[nodiscard]] fetch::Boxes& boxes() { return boxes_; }

 private:
  Services& services_;
  fetch::Boxes boxes_;
  Terms terms_;
};

/// Root and the user who runs the server may; others are noted in the log.
bool may_administer(control::Caller caller, const control::Request& request);
Error not_permitted();

/// The handler of the control socket: root and the user who runs the server may administer; others are refused.
control::Handler administration(Administrator& administrator);

}  // namespace angarium::agent
