#include "agent/post_office.h"

#include <sys/stat.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "agent/collector.h"
#include "agent/courier.h"
#include "agent/doors.h"
#include "agent/fetcher.h"
#include "agent/imap_login.h"
#include "agent/local_user.h"
#include "agent/settings.h"
#include "agent/sweeper.h"
#include "agent/system_users.h"
#include "agent/terms.h"
#include "agent/transfer_verbs.h"
#include "base/log.h"
#include "io/unbound_resolver.h"
#include "protocol/http/metrics.h"
#include "protocol/imap/server.h"
#include "protocol/pop3/server.h"
#include "protocol/smtp/server.h"
#include "wire/connection/connection.h"
#include "wire/tls/connection.h"
#include "wire/tls/context.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;
namespace pop3 = protocol::pop3;
namespace imap = protocol::imap;

constexpr Duration kTidyInterval = std::chrono::minutes(1);
/// How long refusals wait for the trace.
constexpr Duration kTraceInterval = std::chrono::seconds(5);
/// For the last outcomes to be written down.
constexpr Duration kLastWords = std::chrono::seconds(5);

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

/// Of services that take mail.
std::optional<trace::Door> door_of(const Service& service) {
  if (service.kind == Service::Kind::smtp) return trace::Door::smtp;
  if (service.kind == Service::Kind::submission) return trace::Door::submission;
  if (service.kind == Service::Kind::lmtp) return trace::Door::lmtp;
  return std::nullopt;
}

control::Reply too_many() {
  return {.exit_code = control::kTemporary, .error = "too many connections, try again later"};
}

std::uint64_t messages_per_minute(const configuration::Configuration& configuration) {
  return static_cast<std::uint64_t>(configuration.smtp.messages_per_minute);
}

}  // namespace

struct PostOffice::Body {
  Body(const configuration::Configuration& c, std::shared_ptr<const CourierTerms> outbound,
       std::unique_ptr<Services> opened, Doors doors, std::unique_ptr<cage::Steward> root)
      : hostname(c.server.hostname),
        loops(std::move(doors.loops)),
        steward(std::move(root)),
        services(std::move(opened)),
        users(steward == nullptr ? nullptr
                                 : std::make_unique<SystemUsers>(users_of(*steward), *services, c.server.hostname)),
        tls(std::move(doors.tls)),
        gate(gate_limits(c)),
        budget(budget_octets(c.limits.memory_percent)),
        rate(messages_per_minute(c)),
        administrator(*services,
                      [this] {
                        AdministratorTerms found = administrator_terms(terms()->configuration);
                        found.local = terms()->courier->local;
                        return found;
                      }),
        sweeper([this](const store::SweepOptions& options) { return services->tablet().sweep(options); },
                services->tablet().stats().swept, {.hour = static_cast<int>(c.store.sweep_hour)}),
        collector(
            *services, [this] { return terms(); }, c.resolve("drop")),
        desks(loops->size()),
        bound(std::move(doors.listeners)),
        lines(std::move(doors.lines)),
        in_use(make_terms(c, std::move(outbound))) {}

  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;
  /// What is left of sessions goes while everything they hold on to is there, and so do the answers that come too late:
  /// some of them hold parts of the store.
  ~Body() {
    loops->end();
    if (users) users->end();
    services->end_work();
    loops->end();
  }

  io::Task<> accept(std::size_t loop, std::shared_ptr<io::Listener> listener, const Service& service);
  io::Task<> serve(std::size_t loop, std::unique_ptr<io::Stream> stream, const Service& service, Gate::Pass pass);
  io::Task<> speak(Desk& desk, wire::Connection& connection, const Service& service, const Terms& terms);
  static io::Task<> speak_smtp(Desk& desk, wire::Connection& connection, const SmtpDesk& smtp_desk);
  static io::Task<> speak_pop3(Desk& desk, wire::Connection& connection, const Terms& terms);
  io::Task<> speak_imap(Desk& desk, wire::Connection& connection, const Terms& terms,
                        std::optional<account::Account> known = {});
  io::Task<> serve_local_user(Desk& desk, std::unique_ptr<io::Stream> stream, unsigned uid);
  control::Opening open_smtp(Desk& desk, unsigned uid);
  io::Task<> serve_local_reader(Desk& desk, std::unique_ptr<io::Stream> stream, account::Account account);
  io::Task<control::Opening> open_imap(Desk& desk, unsigned uid);
  control::Opener talks(Desk& desk);
  io::Task<> keep_tidy(Desk& desk);
  io::Task<> tend_trace();
  Result<> bind_control(const configuration::Configuration& configuration);
  void finish_deliveries(const DrainPatience& patience);

  /// With the users of this host, where they are served.
  std::shared_ptr<const CourierTerms> with_users(const configuration::Configuration& applied,
                                                 std::shared_ptr<const CourierTerms> outbound) {
    if (!users) return outbound;
    users->set_domains(applied.local.domains);
    auto terms = std::make_shared<CourierTerms>(*outbound);
    auto local = std::make_shared<LocalTerms>(*outbound->local);
    local->users = std::make_shared<UsersOfHost>(*users);
    terms->local = std::move(local);
    terms->deliver_as = [this](const cage::Deliver& request, delivery::Octets& letter) {
      return steward->deliver(request, letter);
    };
    return terms;
  }
  std::shared_ptr<const Terms> make_terms(const configuration::Configuration& applied,
                                          std::shared_ptr<const CourierTerms> outbound) {
    return std::make_shared<const Terms>(applied, with_users(applied, std::move(outbound)),
                                         Shared{*services, budget, rate, maildrop_locks, tls});
  }
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
  std::unique_ptr<SystemUsers> users;  // as the steward
  std::shared_ptr<wire::tls::ServerContext> tls;
  Gate gate;
  Budget budget;
  Rate rate;
  Administrator administrator;
  Sweeper sweeper;
  Collector collector;
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

/// What sessions share counts at once, the rest for those that begin from now on.
void PostOffice::Body::use(const configuration::Configuration& applied, std::shared_ptr<const CourierTerms> outbound) {
  auto made = make_terms(applied, std::move(outbound));
  gate.set_limits(gate_limits(applied));
  budget.set_octets(budget_octets(applied.limits.memory_percent));
  rate.set_per_minute(messages_per_minute(applied));
  services->verifier().set_attempt_limits(attempt_limits(applied));
  const std::lock_guard lock(mutex);
  in_use = std::move(made);
}

io::Task<> PostOffice::Body::accept(std::size_t loop, std::shared_ptr<io::Listener> listener, const Service& service) {
  for (;;) {
    auto stream = co_await listener->accept();
    if (!stream) co_return;
    Gate::Pass pass = gate.enter((*stream)->peer());
    if (!pass) {
      if (const auto door = door_of(service))
        note_turned_away(services->ledger(), *door, (*stream)->peer(), {421, {4, 7, 0}, "Too many connections"});
      // Best effort: who does not read it at once learns it from the closed connection.
      (void)(*stream)->try_write(too_many(service, hostname));
      continue;
    }
    io::Loop::current().spawn(serve(loop, *std::move(stream), service, std::move(pass)));
  }
}

io::Task<> PostOffice::Body::serve(std::size_t loop, std::unique_ptr<io::Stream> stream, const Service& service,
                                   Gate::Pass pass) {
  const Gate::Pass held = std::move(pass);
  const std::shared_ptr<const Terms> held_terms = terms();
  const auto& options = held_terms->tls[static_cast<std::size_t>(&service - all_services().data())];
  std::unique_ptr<wire::Connection> connection;
  if (tls == nullptr || service.tls == Tls::none) {
    connection = wire::plain_connection(std::move(stream), std::string(service.name));
  } else if (service.tls == Tls::starttls) {
    connection = wire::tls::server_connection(std::move(stream), options);
  } else {
    auto accepted = co_await wire::tls::accept(std::move(stream), options);
    if (!accepted) co_return;
    connection = *std::move(accepted);
  }
  co_await speak(desks[loop], *connection, service, *held_terms);
  connection->close();
}

io::Task<> PostOffice::Body::speak(Desk& desk, wire::Connection& connection, const Service& service,
                                   const Terms& terms) {
  switch (service.kind) {
    case Service::Kind::smtp: return speak_smtp(desk, connection, terms.mx);
    case Service::Kind::submission: return speak_smtp(desk, connection, terms.submission);
    case Service::Kind::lmtp: return speak_smtp(desk, connection, terms.lmtp);
    case Service::Kind::pop3: return speak_pop3(desk, connection, terms);
    case Service::Kind::imap: return speak_imap(desk, connection, terms);
    case Service::Kind::metrics: break;
  }
  return protocol::http::serve_metrics(connection);
}

io::Task<> PostOffice::Body::speak_smtp(Desk& desk, wire::Connection& connection, const SmtpDesk& smtp_desk) {
  SmtpSession session(smtp_desk, connection.peer());
  io::Event stop;
  const Registered registered(desk, [&stop] { stop.set(); });
  co_await smtp::serve(connection, session, smtp_desk.policy, &stop);
}

io::Task<> PostOffice::Body::speak_pop3(Desk& desk, wire::Connection& connection, const Terms& terms) {
  Pop3Desk pop3_desk = terms.pop3;
  pop3_desk.options.plaintext_without_tls =
      CredentialDesk::plaintext_allowed(terms.configuration, connection.peer(), false) ? sasl::Plaintext::allowed
                                                                                       : sasl::Plaintext::refused;
  Pop3Authenticator authenticator(pop3_desk, connection.peer());
  io::Event stop;
  const Registered registered(desk, [&stop] { stop.set(); });
  co_await pop3::serve(connection, authenticator, pop3_desk.options, &stop);
}

io::Task<> PostOffice::Body::speak_imap(Desk& desk, wire::Connection& connection, const Terms& terms,
                                        std::optional<account::Account> known) {
  ImapAuthenticator authenticator(*services, budget, terms.configuration, connection);
  Result<std::shared_ptr<imap::Account>> opened;
  if (known) opened = co_await authenticator.open(*std::move(known), "PREAUTH");
  imap::Server server(connection, authenticator, terms.imap);
  const Registered registered(desk, [&server] { server.stop(); });
  if (!opened) log::warning("imap", "a mailbox cannot be opened", {{"error", opened.error().text()}});
  if (opened) co_await server.run(*std::move(opened));
}

/// `sendmail -bs`.
io::Task<> PostOffice::Body::serve_local_user(Desk& desk, std::unique_ptr<io::Stream> stream, unsigned uid) {
  const std::shared_ptr<const Terms> held = terms();
  const auto connection = wire::plain_connection(std::move(stream), "control");
  io::Event stop;
  const Registered registered(desk, [&stop] { stop.set(); });
  co_await agent::serve_local_user(*services, *held, uid, *connection, &stop);
}

control::Opening PostOffice::Body::open_smtp(Desk& desk, unsigned uid) {
  auto pass = std::make_unique<Gate::Pass>(gate.enter(io::Endpoint::unix_path("")));
  if (!*pass) return {.reply = too_many(), .talk = {}};
  return {.reply = {}, .talk = [this, &desk, uid, held = std::move(pass)](std::unique_ptr<io::Stream> stream) {
            return serve_local_user(desk, std::move(stream), uid);
          }};
}

/// `mail`.
io::Task<> PostOffice::Body::serve_local_reader(Desk& desk, std::unique_ptr<io::Stream> stream,
                                                account::Account account) {
  const std::shared_ptr<const Terms> held = terms();
  const auto connection = wire::plain_connection(std::move(stream), "control");
  co_await speak_imap(desk, *connection, *held, std::move(account));
}

io::Task<control::Opening> PostOffice::Body::open_imap(Desk& desk, unsigned uid) {
  auto pass = std::make_unique<Gate::Pass>(gate.enter(io::Endpoint::unix_path("")));
  if (!*pass) co_return control::Opening{.reply = too_many(), .talk = {}};
  auto account = co_await mailbox_of(*services, users.get(), uid);
  if (!account) co_return control::Opening{.reply = control::failure(account.error()), .talk = {}};
  control::Talk talk = [this, &desk, account = *std::move(account),
                        held = std::move(pass)](std::unique_ptr<io::Stream> stream) {
    return serve_local_reader(desk, std::move(stream), account);
  };
  co_return control::Opening{.reply = {}, .talk = std::move(talk)};
}

/// What is spoken over the control socket in languages of their own: SMTP, IMAP and transfers.
control::Opener PostOffice::Body::talks(Desk& desk) {
  return [this, &desk, others = transfers(*services)](
             const control::Request& request, control::Caller caller) -> io::Task<std::optional<control::Opening>> {
    if (request.verb == "mail.smtp") co_return open_smtp(desk, caller.uid);
    if (request.verb == "mail.imap") co_return co_await open_imap(desk, caller.uid);
    co_return co_await others(request, caller);
  };
}

/// The mailbox room's housekeeping, about every minute, until the loop drains.
io::Task<> PostOffice::Body::keep_tidy(Desk& desk) {
  io::Loop& loop = io::Loop::current();
  Moment next = loop.now() + kTidyInterval;
  Moment next_trace = loop.now() + kTraceInterval;
  while (!desk.draining) {
    if (loop.now() >= next_trace) {
      co_await tend_trace();
      next_trace = loop.now() + kTraceInterval;
    }
    if (loop.now() >= next) {
      if (auto done = co_await services->mail().tidy(); !done)
        log::warning("agent", "housekeeping failed", {{"error", done.error().text()}});
      next = loop.now() + kTidyInterval;
    }
    // Short sleeps, so that draining is not held up.
    co_await loop.sleep_for(std::chrono::seconds(1));
  }
  co_await tend_trace();
}

io::Task<> PostOffice::Body::tend_trace() {
  auto done = co_await io::run(
      services->pool(),
      [&ledger = services->ledger(), now = io::Loop::current().clock().wall()] { return ledger.tend(now); });
  if (!done) log::warning("agent", "the trace is not written", {{"error", done.error().text()}});
}

/// Mail leaves from every loop; the first one's courier looks what has become due for all.
io::Task<> PostOffice::Body::run_courier(std::size_t loop) {
  Desk& desk = desks[loop];
  auto resolver = io::UnboundResolver::make(io::Loop::current(), resolver_options(terms()->configuration));
  if (!resolver) {
    log::error("mta", "no names can be looked up: mail to other hosts waits", {{"error", resolver.error().text()}});
    co_return;
  }
  desk.resolver = *std::move(resolver);
  desk.courier = std::make_unique<Courier>(
      *services, *network, *desk.resolver, [this] { return terms()->courier; },
      loop == 0 ? Courier::Rank::leads : Courier::Rank::follows);
  {
    const std::lock_guard lock(mutex);
    couriers.push_back(desk.courier.get());
  }
  if (loop == 0) {
    desk.fetcher = std::make_unique<Fetcher>(*services, administrator.boxes(), *network, *desk.resolver, [this] {
      const auto now = terms();
      return fetch_terms(now->configuration, *now->courier);
    });
    io::Loop::current().spawn(desk.fetcher->run());
  }
  if (desk.draining) desk.courier->stop();
  if (desk.draining && desk.fetcher) desk.fetcher->stop();
  co_await desk.courier->run();
  const std::lock_guard lock(mutex);
  std::erase(couriers, desk.courier.get());
}

void PostOffice::Body::ring() {
  const std::lock_guard lock(mutex);
  // One of them is enough; what all of them do together is spread by taking turns.
  if (!couriers.empty()) couriers[rung++ % couriers.size()]->ring();
}

Result<> PostOffice::Body::bind_control(const configuration::Configuration& configuration) {
  const std::string run = configuration.resolve("run");
  mkdir(run.c_str(), 0755);  // usually there; binding says what is wrong otherwise
  io::ListenOptions options;
  options.unix_mode = 0666;  // who may ask what is judged by the caller's uid
  bound.push_back({0, TRY(io::listen(io::Endpoint::unix_path(run + "/control.sock"), options)), nullptr});
  return {};
}

PostOffice::PostOffice(std::unique_ptr<Body> body) : body_(std::move(body)) {}
PostOffice::~PostOffice() = default;

Result<std::unique_ptr<PostOffice>> PostOffice::open(const configuration::Configuration& configuration, Doors doors,
                                                     std::unique_ptr<cage::Steward> steward) {
  auto outbound = TRY(courier_terms(configuration));
  auto services = TRY(Services::open(configuration));
  std::unique_ptr<PostOffice> office(new PostOffice(std::make_unique<Body>(
      configuration, std::move(outbound), std::move(services), std::move(doors), std::move(steward))));
  if (SystemUsers* const users = office->body_->users.get()) office->body_->services->verifier().set_users(*users);
  TRY(office->body_->bind_control(configuration));
  // Behind the store, which one process alone may have; in the folder that binding has made.
  if (auto in_hand = queue::InHand::open(configuration.resolve("run/in-hand"))) {
    office->body_->services->keep_in_hand(*std::move(in_hand));
  } else {
    log::warning("mta", "a message that crashes the server would not be found", {{"error", in_hand.error().text()}});
  }
  return office;
}

queue::InHand* PostOffice::in_hand() const { return body_->services->in_hand(); }

std::vector<std::string> PostOffice::listening() const { return body_->lines; }

void PostOffice::start() {
  Body& body = *body_;
  for (Doors::Bound& bound : body.bound) {
    body.desks[bound.loop].listeners.push_back(bound.listener);
    io::Loop& loop = body.loops->at(bound.loop);
    loop.post([&body, &bound] {
      io::Loop& here = io::Loop::current();
      if (bound.service == nullptr) {
        here.spawn(control::serve(bound.listener, collection(body.collector, administration(body.administrator)),
                                  body.talks(body.desks[bound.loop])));
      } else {
        here.spawn(body.accept(bound.loop, bound.listener, *bound.service));
      }
    });
  }
  body.services->on_queued([&body] { body.ring(); });
  for (std::size_t i = 0; i < body.loops->size(); ++i)
    body.loops->at(i).post([&body, i] { io::Loop::current().spawn(body.run_courier(i)); });
  body.loops->at(0).post([&body] { io::Loop::current().spawn(body.keep_tidy(body.desks[0])); });
  body.loops->at(0).post([&body] { io::Loop::current().spawn(body.sweeper.run()); });
  body.loops->at(0).post([&body] { io::Loop::current().spawn(body.collector.run()); });
  body.loops->start();
}

Result<configuration::Reload> PostOffice::reload() {
  const auto used = body_->terms();
  const configuration::Configuration wanted = TRY(configuration::load(used->configuration.directory));
  configuration::Reload reload = configuration::plan_reload(used->configuration, wanted);
  if (body_->tls != nullptr) {
    auto identities = TRY(read_identities(reload.applied));
    TRY(body_->tls->reload(std::move(identities)));
  }
  body_->use(reload.applied, TRY(courier_terms(reload.applied)));
  return reload;
}

bool PostOffice::lost_steward() { return body_->steward != nullptr && body_->steward->ended(); }

/// What has been delivered is written down, for else it is delivered again.
void PostOffice::Body::finish_deliveries(const DrainPatience& patience) {
  Targets& targets = services->targets();
  if (targets.wait(patience.deliveries + -patience.sessions)) return;
  log::warning("mta", "commands that take too long are ended, and run again after the next start");
  targets.call_off();
  if (steward) steward->end_deliveries(cage::Steward::End::in_order);
  if (targets.wait(patience.called_off)) return;
  if (steward) steward->end_deliveries(cage::Steward::End::at_once);
  if (!targets.wait(kLastWords)) log::error("mta", "a delivery does not end: it may be made again");
}

void PostOffice::drain(const DrainPatience& patience) {
  Body& body = *body_;
  body.sweeper.stop();
  body.collector.stop();
  for (std::size_t i = 0; i < body.loops->size(); ++i) {
    body.loops->at(i).post([&desk = body.desks[i]] {
      desk.draining = true;
      if (desk.courier) desk.courier->stop();
      if (desk.fetcher) desk.fetcher->stop();
      for (auto& listener : desk.listeners) listener->close();
      // A hook may end its session at once, which leaves the set.
      const std::vector<const StopHook*> sessions(desk.sessions.begin(), desk.sessions.end());
      for (const StopHook* hook : sessions)
        if (desk.sessions.contains(hook)) (*hook)();
    });
  }
  body.loops->drain();
  // Whoever does not end in time is cut off.
  std::mutex mutex;
  std::condition_variable ended;
  bool over = false;
  std::thread waits([&] {
    std::unique_lock lock(mutex);
    if (ended.wait_for(lock, patience.sessions, [&] { return over; })) return;
    lock.unlock();
    body.finish_deliveries(patience);
    body.loops->stop();
  });
  body.loops->join();
  {
    const std::lock_guard lock(mutex);
    over = true;
  }
  ended.notify_all();
  waits.join();
  // What was refused until the last session ended.
  if (auto done = body.services->ledger().write_refusals(); !done)
    log::warning("agent", "the trace is not written", {{"error", done.error().text()}});
}

}  // namespace angarium::agent
