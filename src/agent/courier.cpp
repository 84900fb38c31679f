#include "agent/courier.h"

#include <algorithm>

#include "agent/attempt_story.h"
#include "agent/courier_round.h"
#include "agent/postmaster.h"
#include "agent/queued_message.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/text.h"
#include "io/loop.h"

namespace angarium::agent {
namespace {

constexpr Duration kTick = std::chrono::seconds(1);
/// An open session without work is kept so long for the next message to the same site.
constexpr Duration kIdle = std::chrono::seconds(5);
/// How often entries are looked for whose sender waits for news.
constexpr Duration kOverdueInterval = std::chrono::seconds(20);
/// All of the queue is read for it, where there is an old key. The first time at the start.
constexpr Duration kForgettingInterval = std::chrono::hours(1);
constexpr std::size_t kOverdueAtOnce = 100;
/// After the store refused something.
constexpr Duration kStorePause = std::chrono::seconds(5);
/// Destinations that wait for a site, of one loop; those beyond it are put off.
constexpr std::size_t kWaitingMax = 2'000;
constexpr Duration kCrowdedPause = std::chrono::seconds(20);
/// Destinations that are put off with their site come back spread over so long.
constexpr Duration kSpread = std::chrono::seconds(5);
/// Consignments that wait for one session before another one is opened.
constexpr std::size_t kReadyPerSession = 4;

Counter open_sessions("angarium_outbound_sessions", "Sessions with other servers that are open.", CounterKind::gauge);
Counter unreached("angarium_destinations_unreached_total", "Attempts that reached no server of a destination.");

}  // namespace

Duration retry_pause(const CourierTerms& terms, std::uint32_t failures, Random& random) {
  const std::uint32_t doublings = std::min<std::uint32_t>(failures == 0 ? 0 : failures - 1, 20);
  const Duration pause = std::min(terms.retry_longest, terms.retry_first * (std::int64_t{1} << doublings));
  const auto tenth = static_cast<std::uint64_t>(std::max<std::int64_t>(1, pause.count() / 10));
  return pause + Duration(static_cast<std::int64_t>(random.below(2 * tenth)) - static_cast<std::int64_t>(tenth));
}

Courier::Courier(Services& services, io::Network& network, io::Resolver& resolver, Terms terms, Rank rank)
    : services_(services),
      remote_(network, resolver, services.names()),
      terms_(std::move(terms)),
      rank_(rank),
      bell_(io::Loop::current()),
      room_([this] { return terms_()->sessions_max; }),
      windows_([this](const std::string& site) {
        return services_.sites().troubled(site) ? std::size_t{1} : terms_()->per_destination_max;
      }) {}

Courier::~Courier() = default;

WallTime Courier::now() const { return io::Loop::current().clock().wall(); }

void Courier::stop() {
  stopping_ = true;
  services_.targets().stop();
  windows_.stop();
  room_.stop();
  bell_.set();
}

io::Task<> Courier::run() {
  io::Loop& loop = io::Loop::current();
  // Before anything is gathered: nobody has any of them yet.
  if (rank_ == Rank::leads) co_await take_suspects();
  loop.spawn(tick());
  while (!stopping_) {
    co_await look();
    co_await bell_.wait();
  }
  while (tasks_ > 0) co_await loop.sleep_for(std::chrono::milliseconds(20));
  while (!idle_.empty()) {
    RemoteSession session = std::move(idle_.extract(idle_.begin()).mapped().session);
    co_await session.client->quit();
    room_.give_back();
    open_sessions.add(-1);
  }
}

/// Short sleeps: the civil clock may jump, and ending is not held up.
io::Task<> Courier::tick() {
  io::Loop& loop = io::Loop::current();
  ++tasks_;
  while (!stopping_) {
    co_await loop.sleep_for(kTick);
    co_await close_idle();
    if (rank_ == Rank::leads && services_.queue().next_look() <= now()) bell_.set();
    if (rank_ == Rank::leads && loop.now() >= next_overdue_) {
      co_await end_overdue();
      co_await services_.checkpoints().expire();
      next_overdue_ = loop.now() + kOverdueInterval;
    }
    if (rank_ == Rank::leads && loop.now() >= next_forgetting_) {
      loop.spawn(forget_old_keys());
      next_forgetting_ = loop.now() + kForgettingInterval;
    }
  }
  --tasks_;
}

/// What a rotation of the queue's key had to keep, or had no time for.
io::Task<> Courier::forget_old_keys() {
  ++tasks_;
  const auto old = co_await services_.body_keys().forget_old(Duration(0));
  if (!old) log::warning("mta", "old keys of the queue are kept for longer", {{"error", old.error().text()}});
  if (old && old->erased != 0) log::notice("mta", "forgot old keys of the queue", {{"keys", old->erased}});
  --tasks_;
}

io::Task<> Courier::look() {
  queue::Queue& queue = services_.queue();
  if (rank_ == Rank::leads && queue.next_look() <= now()) {
    if (auto gathered = co_await queue.gather(); !gathered)
      log::warning("mta", "the queue cannot be read", {{"error", gathered.error().text()}});
  }
  if (stopping_) co_return;
  // Each destination may need a session; the others have their turn when one of these is done. Those that wait for
  // their site have none.
  const std::size_t most = terms_()->sessions_max;
  const std::size_t at_work = worked_.size() - waiting_;
  if (at_work >= most) co_return;
  for (std::string& destination : queue.awake(most - at_work)) io::Loop::current().spawn(work(std::move(destination)));
}

io::Task<> Courier::close_idle() {
  const Moment before = io::Loop::current().now() + -kIdle;
  for (auto at = idle_.begin(); at != idle_.end();) {
    if (at->second.since > before && !stopping_) {
      ++at;
      continue;
    }
    RemoteSession session = std::move(at->second.session);
    idle_.erase(at);
    room_.give_back();
    open_sessions.add(-1);
    co_await session.client->quit();
    at = idle_.begin();  // others may have come and gone meanwhile
  }
}

// --- destinations ---------------------------------------------------------------------------------------------------

/// Works for one destination until nothing is due for it.
io::Task<> Courier::work(std::string destination) {
  ++tasks_;
  io::Loop& loop = io::Loop::current();
  const auto worked = std::make_shared<Worked>();
  worked_[destination] = worked;
  while (!stopping_) {
    worked->unreachable = false;
    worked->sessions = 1;
    co_await serve(destination);
    while (worked->sessions > 0) co_await loop.sleep_for(std::chrono::milliseconds(5));
    const auto rested = co_await services_.queue().rest(destination);
    if (rested && *rested) break;
    if (!rested) co_await loop.sleep_for(kStorePause);
  }
  worked_.erase(destination);
  --tasks_;
  bell_.set();
}

/// One session's worth of work.
io::Task<> Courier::serve(std::string destination) {
  ++tasks_;
  const auto worked = worked_.at(destination);
  Session session;
  while (!stopping_ && !worked->unreachable) {
    auto job = co_await services_.queue().take(destination);
    if (!job) {
      log::warning("mta", "the queue cannot be read", {{"error", job.error().text()}});
      co_await io::Loop::current().sleep_for(kStorePause);
      break;
    }
    if (!*job) break;
    if (!services_.tablet().running()) {
      // What came of an attempt could not be written down, and the mail would go out twice.
      services_.queue().put_back(**job);
      co_await io::Loop::current().sleep_for(kStorePause);
      break;
    }
    const auto terms = terms_();
    const bool alone = !session || !windows_.crowded(session->site);
    if (alone && services_.queue().ready(destination) > kReadyPerSession * worked->sessions &&
        worked->sessions < std::min(terms->per_destination_max, worked->most) && !room_.full()) {
      ++worked->sessions;
      io::Loop::current().spawn(serve(destination));
    }
    std::optional<Unreachable> why;
    {
      const queue::InHand::Mark marked = mark(**job);
      why = co_await attempt(**job, session);
    }
    session.promise.give_back();
    if (!why) {
      if (!co_await yield_place(session, *worked)) break;
      continue;
    }
    if (!why->crowded.empty() && (worked->sessions > 1 || waiting_ < kWaitingMax)) {
      services_.queue().put_back(**job);
      if (worked->sessions > 1) {
        // One of them waits; no other joins it meanwhile, or they would call each other without an end.
        worked->most = worked->sessions - 1;
        break;
      }
      co_await wait_for(why->crowded, why->hosts, session);
      worked->most = SIZE_MAX;
      continue;
    }
    if (worked->sessions > 1) {
      // The other sessions go on: this was one more than the other side takes.
      worked->most = worked->sessions - 1;
      services_.queue().put_back(**job);
      break;
    }
    worked->unreachable = true;
    co_await unreachable(**job, *std::move(why));
  }
  put_by(session);
  --worked->sessions;
  --tasks_;
}

/// Kept for a while, or closed.
void Courier::put_by(Session& session) {
  if (!session) return;
  windows_.leave(session->site, session->key);
  const bool worn = session->messages >= terms_()->messages_per_session ||
                    session->messages >= session->client->extensions().messages_max.value_or(UINT32_MAX);
  // Nor is one kept while others wait to open theirs.
  if (session->client->closed() || worn || stopping_ || room_.crowded()) {
    close(*session);
  } else {
    std::string site = session->site;
    idle_.emplace(std::move(site), Idle{.session = *std::move(session), .since = io::Loop::current().now()});
  }
  session.reset();
}

void Courier::note_opened() { open_sessions.add(1); }

/// It is over.
void Courier::drop(Session& session) {
  windows_.leave(session->site, session->key);
  close(*session);
  session.reset();
}

void Courier::close(RemoteSession& session) {
  session.connection->close();
  room_.give_back();
  open_sessions.add(-1);
}

/// For one more session: one that nobody uses goes, else it is waited until another ends. False: the server ends.
io::Task<bool> Courier::make_room() {
  if (room_.full() && !idle_.empty()) {
    const auto oldest = std::ranges::min_element(idle_, {}, [](const auto& one) { return one.second.since; });
    close(oldest->second.session);
    idle_.erase(oldest);
  }
  co_return co_await room_.take();
}

io::Task<bool> Courier::get_session(const route::Transport& transport, const std::string& domain, Session& session,
                                    std::optional<Unreachable>& why) {
  if (std::holds_alternative<route::ByAtrn>(transport)) {
    if (session && !session->client->closed()) co_return true;
    put_by(session);
    why = Unreachable{.trouble = trouble("4.4.1", "waits until its customer fetches it (ATRN)", now())};
    co_return false;
  }
  auto plan = co_await remote_.plan(terms_()->remote, transport, domain);
  if (!plan) {
    why = std::move(plan).error();
    co_return false;
  }
  services_.sites().learn(domain, plan->site);
  if (session && plan->fits(*session) && !session->client->closed()) co_return true;
  put_by(session);
  const std::vector<std::string> hosts = plan->hosts();
  if (auto put_off = services_.sites().put_off(plan->site, hosts, io::Loop::current().now())) {
    why = Unreachable{.trouble = std::move(put_off->trouble), .rest = put_off->rest};
    co_return false;
  }
  if (!windows_.enter(plan->site, session.promise)) {
    why = Unreachable{.trouble = {}, .crowded = plan->site, .hosts = hosts};
    co_return false;
  }
  if (take_idle(*plan, session)) co_return true;
  make_room(plan->site);
  const std::string site = plan->site;
  if (!co_await make_room()) {
    windows_.leave(site, {});
    why = Unreachable{.trouble = {}, .crowded = site, .hosts = hosts};
    co_return false;
  }
  windows_.opening(site, hosts);
  auto opened = co_await remote_.open(*std::move(plan));
  if (!opened) {
    why = std::move(opened).error();
    room_.give_back();
    windows_.not_opened(site, hosts);
    // What is this domain's or login's own trouble is not its provider's.
    if (!why->login && !why->permanent) blame(domain, site, hosts, *why);
    windows_.leave(site, {});
    co_return false;
  }
  session = *std::move(opened);
  services_.sites().reached(site, session->key);
  windows_.opened(site, hosts, session->key);
  note_opened();
  co_return true;
}

io::Task<> Courier::tell_of_login(const route::Relay& relay, std::string words) {
  const auto terms = terms_();
  const std::string site = route::transport_text(relay);
  if (!terms->remote->refused_logins->is_news(relay.login, site, io::Loop::current().now())) co_return;
  log::warning("mta", "a relay refuses our login", {{"transport", site}, {"why", words}});
  const std::string text = "Mail that goes to\r\n\r\n    " + site + "\r\n\r\nwaits: " + escape_controls(words) +
                           "\r\n\r\nNothing is lost; it is tried again, and senders are told of the delay as of any "
                           "other. Put the right name "
                           "and password into [[relay_login]] and its password_file, give the transport login=NAME, "
                           "and reload the server.\r\n"
                           "\r\nThis is said once a day while it lasts.\r\n";
  co_await commit_until_durable(
      [&](store::Batch& batch) -> io::Task<Result<std::vector<queue::Change>>> {
        std::vector<queue::Change> changes;
        auto told = CO_TRY(co_await tell_postmaster(services_, terms->reports,
                                                    "A relay refuses our login: " + relay.host, text, nullptr, batch));
        if (told) changes.push_back(*std::move(told));
        co_return changes;
      },
      "a message to the postmaster");
}

io::Task<> Courier::unreachable(const queue::Job& job, Unreachable why) {
  unreached.add();
  const bool crowded = !why.crowded.empty();
  if (crowded) {
    why.trouble = trouble("4.4.5", "many others wait for the hosts of " + why.crowded, now());
    why.rest = kCrowdedPause;
  }
  const std::string& destination = job.consignment.destination;
  queue::Backoff backoff = services_.queue().backoff(destination).value_or(queue::Backoff{.since = now()});
  if (backoff.failures == 0) backoff.since = now();
  if (!crowded) ++backoff.failures;
  const auto terms = terms_();
  Random& random = io::Loop::current().random();
  const Duration rest = why.rest ? *why.rest + Duration(static_cast<std::int64_t>(random.below(kSpread.count())))
                                 : retry_pause(*terms, backoff.failures - backoff.forgiven, random);
  backoff.next = {now().microseconds + rest.count()};
  backoff.trouble = std::move(why.trouble);
  log::info("mta", "not reached",
            {{"destination", destination},
             {"why", backoff.trouble.diagnostic},
             {"failures", std::uint64_t{backoff.failures}},
             {"next", to_rfc3339(backoff.next)}});
  // In the story of the one message that was to go; the others that wait have the destination's back-off.
  const WallTime at = now();
  std::vector<envelope::Recipient> recipients;
  for (const queue::Addressee& addressee : job.consignment.addressees) recipients.push_back(addressee.recipient);
  const std::vector<Fate> fates(recipients.size(), Fate{.kind = Fate::Kind::owed, .trouble = backoff.trouble});
  co_await commit_until_durable(
      [&](store::Batch& batch) -> io::Task<Result<std::vector<queue::Change>>> {
        std::vector<queue::Change> changes;
        changes.push_back(services_.queue().back_off(destination, backoff, batch));
        AttemptStory(job).put(recipients, fates, false, {}, at, batch);
        co_return changes;
      },
      "a back-off");
  services_.queue().put_back(job);
}

/// What happened outside must be written down, or it happens again: tried until the store takes it.
io::Task<bool> Courier::commit_until_durable(
    std::function<io::Task<Result<std::vector<queue::Change>>>(store::Batch&)> fill, std::string what) {
  while (true) {
    store::Batch batch;
    auto changes = co_await fill(batch);
    Result<> outcome;
    if (changes) {
      outcome = co_await queue::commit(services_.tablet(), std::move(batch));
      if (outcome) {
        for (queue::Change& change : *changes) change.done();
        co_return true;
      }
      // Nobody knows: the queue looks for it when the store runs again.
      if (outcome.error().is(store::kStopped)) co_return false;
      for (queue::Change& change : *changes) change.refused();
    } else {
      outcome = std::unexpected(changes.error());
    }
    log::warning("mta", "the store does not take " + what, {{"error", outcome.error().text()}});
    if (stopping_) co_return false;
    co_await io::Loop::current().sleep_for(kStorePause);
  }
}

// --- time -----------------------------------------------------------------------------------------------------------

io::Task<> Courier::end_overdue() {
  auto ids = co_await services_.queue().overdue(kOverdueAtOnce);
  if (!ids) co_return;
  for (const queue::DeliveryId id : *ids) {
    if (stopping_) co_return;
    if (auto ended = co_await end_one(id); !ended && !ended.error().is(queue::kNotQueued))
      log::warning("mta", "an overdue message stays", {{"id", id.text()}, {"error", ended.error().text()}});
  }
}

}  // namespace angarium::agent
