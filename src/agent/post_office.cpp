#include "agent/post_office.h"

#include <sys/stat.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "agent/post_office_body.h"
#include "agent/settings.h"
#include "base/log.h"
#include "keyring/standing.h"

namespace angarium::agent {
namespace {

constexpr Duration kTidyInterval = std::chrono::minutes(1);
/// How long refusals wait for the trace.
constexpr Duration kTraceInterval = std::chrono::seconds(5);
/// For the last outcomes to be written down.
constexpr Duration kLastWords = std::chrono::seconds(5);

std::uint64_t messages_per_minute(const configuration::Configuration& configuration) {
  return static_cast<std::uint64_t>(configuration.smtp.messages_per_minute);
}

/// A host's own users before everybody else.
std::vector<account::Users*> users_in_order(SystemUsers* users, Directories& directories) {
  if (users == nullptr) return {&directories};
  return {users, &directories};
}

}  // namespace

PostOffice::Body::Body(const configuration::Configuration& c, std::shared_ptr<const CourierTerms> outbound,
                       std::unique_ptr<Services> opened, Doors doors, std::unique_ptr<cage::Steward> root)
    : hostname(c.server.hostname),
      loops(std::move(doors.loops)),
      steward(std::move(root)),
      services(std::move(opened)),
      users(steward == nullptr ? nullptr
                               : std::make_unique<SystemUsers>(users_of(*steward), *services, c.server.hostname)),
      directories(*services, c.server.hostname, services->clock()),
      all_users(users_in_order(users.get(), directories)),
      tokens(services->clock()),
      tls(std::move(doors.tls)),
      gate(gate_limits(c)),
      budget(budget_octets(c.limits.memory_percent)),
      rate(messages_per_minute(c)),
      administrator(
          *services,
          [this] {
            AdministratorTerms found = administrator_terms(terms()->configuration);
            found.local = terms()->courier->local;
            found.locations.home_of = home_of_users();
            return found;
          },
          fetch::Seal::read(c.resolve(std::string(fetch::kKeyFile)))),
      sweeper([this](const store::SweepOptions& options) { return services->tablet().sweep(options); },
              services->tablet().stats().swept,
              {.hour = static_cast<int>(c.store.sweep_hour), .compress_after = c.store.compress_after}),
      collector(
          *services, [this] { return terms(); }, c.resolve("drop")),
      caretaker(
          *services,
          [this] {
            auto held = terms();
            const Caretaker::Rules* const rules = &held->configuration.locations;
            return std::shared_ptr<const Caretaker::Rules>(std::move(held), rules);
          },
          c.resolve("run"), kBoxThreads, boxes_of_users()),
      desks(loops->size()),
      bound(std::move(doors.listeners)),
      lines(std::move(doors.lines)),
      in_use(make_terms(c, std::move(outbound))) {}

route::LocationMap::HomeOf PostOffice::Body::home_of_users() {
  if (!users) return {};
  return [this](const std::string& name) { return users->home_of(name); };
}

HostUsersBoxes PostOffice::Body::boxes_of_users() {
  if (!users) return {};
  return {.ask_home =
              [this](const std::string& name, HostUsersBoxes::HomeAnswer answer) {
                // Beside mail for names of the host; who is refused there is asked for again, and hears of it.
                (void)services->names().submit("boxes of " + name, [this, name, held = std::move(answer)]() mutable {
                  held(users->home_of(name));
                });
              },
          .attend = [this](const cage::Attend& request) { return steward->attend(request); },
          .call_off = [this] { steward->end_attending(); }};
}

std::shared_ptr<const CourierTerms> PostOffice::Body::with_users(const configuration::Configuration& applied,
                                                                 std::shared_ptr<const CourierTerms> outbound) {
  auto terms = std::make_shared<CourierTerms>(*outbound);
  auto local = std::make_shared<LocalTerms>(*outbound->local);
  // The directories are the body's own.
  local->people = std::shared_ptr<People>(&directories, [](People*) {});
  if (users) local->users = std::make_shared<UsersOfHost>(*users);
  terms->local = std::move(local);
  if (!users) return terms;
  users->set_domains(applied.local.domains);
  terms->deliver_as = [this](const cage::Deliver& request, delivery::Octets& letter) {
    return steward->deliver(request, letter);
  };
  return terms;
}

std::shared_ptr<const Terms> PostOffice::Body::make_terms(const configuration::Configuration& applied,
                                                          std::shared_ptr<const CourierTerms> outbound) {
  return std::make_shared<const Terms>(applied, with_users(applied, std::move(outbound)),
                                       Shared{*services, budget, rate, maildrop_locks, tls});
}

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
    services->logins().end_expired(loop.clock().wall());
    // Short sleeps, so that draining is not held up.
    co_await loop.sleep_for(std::chrono::seconds(1));
  }
  co_await tend_trace();
}

io::Task<> PostOffice::Body::tend_trace() {
  const io::Loop& loop = io::Loop::current();
  auto done = co_await io::run(services->pool(), [&ledger = services->ledger(), now = loop.clock().wall(),
                                                  moment = loop.now()] { return ledger.tend(now, moment); });
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
      return fetch_terms(now->configuration, *now->courier, {now, &now->mx});
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

namespace {

/// Whoever starts without the server's key is told at once, not by the first who reads mail.
Result<> tell_of_keys(Services& services, const configuration::Configuration& configuration) {
  const keyring::Standing keys = TRY(keyring::standing(services.tablet(), configuration.resolve("keys")));
  if (!keys.well()) {
    log::error("keyring",
               "the server's key is not there: encrypted mail is neither read nor taken until the copy of this file is "
               "brought back, which counts at once",
               {{"file", keys.file}, {"keys_shut", keys.shut}, {"error", keys.why()}});
  } else if (services.sealing() == mailbox::Sealing::on) {
    log::notice("keyring", "mail is encrypted in the store, and lost without this file: keep a copy of it elsewhere",
                {{"file", keys.file}});
  }
  return {};
}

}  // namespace

PostOffice::PostOffice(std::unique_ptr<Body> body) : body_(std::move(body)) {}
PostOffice::~PostOffice() = default;

Result<std::unique_ptr<PostOffice>> PostOffice::open(const configuration::Configuration& configuration, Doors doors,
                                                     std::unique_ptr<cage::Steward> steward) {
  auto outbound = TRY(courier_terms(configuration));
  auto directories = TRY(open_directories(configuration));
  auto services = TRY(Services::open(configuration));
  TRY(tell_of_keys(*services, configuration));
  std::unique_ptr<PostOffice> office(new PostOffice(std::make_unique<Body>(
      configuration, std::move(outbound), std::move(services), std::move(doors), std::move(steward))));
  TRY(office->body_->directories.use(std::move(directories)));
  office->body_->tokens.use(configuration);
  office->body_->services->verifier().set_tokens(office->body_->tokens);
  office->body_->tickets.use(configuration);
  office->body_->services->verifier().set_tickets(office->body_->tickets);
  office->body_->services->verifier().set_users(office->body_->all_users);
  if (office->body_->tls != nullptr)
    office->body_->services->set_certified(
        [tls = office->body_->tls](std::string_view name) { return tls->bears(name); });
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
  body.loops->at(0).post([&body] { io::Loop::current().spawn(body.services->indexing().run()); });
  body.loops->at(0).post([&body] { io::Loop::current().spawn(body.collector.run()); });
  body.services->set_caretaker(body.caretaker);
  body.loops->at(0).post([&body] { io::Loop::current().spawn(body.caretaker.run()); });
  body.loops->start();
}

Result<configuration::Reload> PostOffice::reload() {
  const auto used = body_->terms();
  const configuration::Configuration wanted = TRY(configuration::load(used->configuration.directory));
  configuration::Reload reload = configuration::plan_reload(used->configuration, wanted);
  if (body_->tls != nullptr) {
    auto identities = TRY(read_identities(reload.applied));
    const std::string clients = TRY(read_client_authorities(reload.applied));
    TRY(body_->tls->reload(std::move(identities), clients));
  }
  auto outbound = TRY(courier_terms(reload.applied));
  auto directories = TRY(open_directories(reload.applied));
  TRY(body_->directories.use(std::move(directories)));
  body_->tokens.use(reload.applied);
  body_->tickets.use(reload.applied);
  body_->use(reload.applied, std::move(outbound));
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
  body.services->indexing().stop();
  body.collector.stop();
  body.caretaker.stop();
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
