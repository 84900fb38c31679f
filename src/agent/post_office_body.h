// The post office's own: what its loops share, and how it lives. post_office.cpp opens and ends it,
// post_office_sessions.cpp speaks with who comes.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/caretaker.h"
#include "agent/collector.h"
#include "agent/courier.h"
#include "agent/directories.h"
#include "agent/doors.h"
#include "agent/fetcher.h"
#include "agent/imap_session.h"
#include "agent/owners.h"
#include "agent/post_office.h"
#include "agent/sweeper.h"
#include "agent/system_users.h"
#include "agent/terms.h"
#include "agent/tickets.h"
#include "agent/tokens.h"
#include "io/unbound_resolver.h"
#include "wire/connection/connection.h"
#include "wire/tls/context.h"

namespace angarium::agent {

/// How one session is asked to end.
using StopHook = std::function<void()>;

/// What belongs to one loop, touched on its thread only once it runs.
struct Desk {
  std::set<const StopHook*> sessions;
  std::vector<std::shared_ptr<io::Listener>> listeners;
  std::unique_ptr<Courier> courier;
  std::unique_ptr<Fetcher> fetcher;  // of the first loop alone
  std::unique_ptr<io::UnboundResolver> resolver;
  bool draining = false;
};

/// Registers a session with its loop while it runs.
class Registered {
 public:
  Registered(Desk& desk, StopHook hook) : desk_(desk), hook_(std::move(hook)) {
    desk_.sessions.insert(&hook_);
    if (desk_.draining) hook_();
  }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;
  ~Registered() { desk_.sessions.erase(&hook_); }

 private:
  Desk& desk_;
  StopHook hook_;
};

struct PostOffice::Body {
  Body(const configuration::Configuration& c, std::shared_ptr<const CourierTerms> outbound,
       std::unique_ptr<Services> opened, Doors doors, std::unique_ptr<cage::Steward> root);

  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;
  /// What is left of sessions goes while everything they hold on to is there, and so do the answers that come too late:
  /// some of them hold parts of the store.
  ~Body() {
    loops->end();
    // The host may never answer: nobody waits for it any more.
    if (steward) {
      steward->end_questions();
      steward->end_attending();
    }
    if (users) users->end();
    directories.end();
    tokens.end();
    tickets.end();
    caretaker.end_work();
    services->end_work();
    loops->end();
  }

  io::Task<> accept(std::size_t loop, std::shared_ptr<io::Listener> listener, const Service& service);
  io::Task<> serve(std::size_t loop, std::unique_ptr<io::Stream> stream, const Service& service, Gate::Pass pass);
  io::Task<> speak(Desk& desk, wire::Connection& connection, const Service& service, const Terms& terms);
  static io::Task<> speak_smtp(Desk& desk, wire::Connection& connection, const SmtpDesk& smtp_desk);
  static io::Task<> speak_pop3(Desk& desk, wire::Connection& connection, const Terms& terms);
  io::Task<> speak_imap(Desk& desk, wire::Connection& connection, const Terms& terms,
                        std::optional<HostUser> known = {});
  io::Task<> serve_local_user(Desk& desk, std::unique_ptr<io::Stream> stream, unsigned uid);
  control::Opening open_smtp(Desk& desk, unsigned uid);
  io::Task<> serve_local_reader(Desk& desk, std::unique_ptr<io::Stream> stream, HostUser user);
  io::Task<control::Opening> open_imap(Desk& desk, unsigned uid);
  control::Opener talks(Desk& desk);
  io::Task<> keep_tidy(Desk& desk);
  io::Task<> tend_trace();
  Result<> bind_control(const configuration::Configuration& configuration);
  void finish_deliveries(const DrainPatience& patience);

  route::LocationMap::HomeOf home_of_users();
  HostUsersBoxes boxes_of_users();
  /// With people of directories elsewhere, and the users of this host where they are served.
  std::shared_ptr<const CourierTerms> with_users(const configuration::Configuration& applied,
                                                 std::shared_ptr<const CourierTerms> outbound);
  std::shared_ptr<const Terms> make_terms(const configuration::Configuration& applied,
                                          std::shared_ptr<const CourierTerms> outbound);
  /// What a session begins with. From any thread.
  std::shared_ptr<const Terms> terms() {
    const std::lock_guard lock(mutex);
    return in_use;
  }
  void use(const configuration::Configuration& applied, std::shared_ptr<const CourierTerms> outbound);
  io::Task<> run_courier(std::size_t loop);
  void ring();

  std::string hostname;
  std::unique_ptr<io::Loops> loops;        // outlives the services, whose threads answer it
  std::unique_ptr<cage::Steward> steward;  // null: users of the host are not served
  std::unique_ptr<Services> services;
  Owners owners{services->directory(), services->pool()};
  std::unique_ptr<SystemUsers> users;  // as the steward
  Directories directories;
  UsersInOrder all_users;
  Tokens tokens;
  Tickets tickets;
  std::shared_ptr<wire::tls::ServerContext> tls;
  Gate gate;
  Budget budget;
  Rate rate;
  Administrator administrator;
  Sweeper sweeper;
  Collector collector;
  Caretaker caretaker;
  MaildropLocks maildrop_locks;
  std::vector<Desk> desks;
  std::vector<Doors::Bound> bound;
  std::vector<std::string> lines;
  std::unique_ptr<io::Network> network = io::socket_network();
  std::mutex mutex;
  std::shared_ptr<const Terms> in_use;  // under the mutex
  std::vector<Courier*> couriers;       // under the mutex: those that run,
  std::size_t rung = 0;                 // and whose turn it is
};

}  // namespace angarium::agent
