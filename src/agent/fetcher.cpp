#include "agent/fetcher.h"
#include "agent/relay_login.h"

#include <algorithm>

#include "base/counters.h"
#include "base/log.h"
#include "base/text.h"
#include "io/loop.h"
#include "wire/saslsec/exchange.h"
#include "wire/tls/connection.h"

namespace angarium::agent {
namespace {

constexpr Duration kTick = std::chrono::seconds(1);

Counter failed("angarium_fetches_failed_total", "Looks at boxes of other hosts that failed.");

Duration around(Duration pause, Random& random) {
  const auto tenth = static_cast<std::uint64_t>(std::max<std::int64_t>(1, pause.count() / 10));
  return pause + Duration(static_cast<std::int64_t>(random.below(2 * tenth)) - static_cast<std::int64_t>(tenth));
}

bool plaintext_allowed(const FetchTerms& terms, const io::Endpoint& peer) {
  using configuration::PlaintextWithoutTls;
  return terms.plaintext == PlaintextWithoutTls::always ||
         (terms.plaintext == PlaintextWithoutTls::loopback && peer.is_local_host());
}

}  // namespace

Duration fetch_pause(const fetch::Box& box, std::uint32_t failures, Random& random) {
  constexpr Duration kFirst = std::chrono::minutes(1);
  const Duration longest = std::max<Duration>(std::chrono::hours(1), box.every);
  const std::uint32_t doublings = std::min<std::uint32_t>(failures == 0 ? 0 : failures - 1, 20);
  return around(std::min(longest, kFirst * (std::int64_t{1} << doublings)), random);
}

std::shared_ptr<const FetchTerms> fetch_terms(const configuration::Configuration& c, const CourierTerms& courier,
                                              std::shared_ptr<const SmtpDesk> mx) {
  auto terms = std::make_shared<FetchTerms>();
  terms->hostname = c.server.hostname;
  terms->plaintext = c.auth.plaintext_without_tls;
  terms->hosts = courier.remote->hosts;
  // Another server of this host may be named, as "localhost" or by its name.
  terms->hosts.loopback = route::HostsOptions::Loopback::may_be_tried;
  terms->any = courier.remote->opportunistic;
  terms->verified = courier.remote->verified;
  terms->mx = std::move(mx);
  return terms;
}

Fetcher::Fetcher(Services& services, fetch::Boxes& boxes, io::Network& network, io::Resolver& resolver, Terms terms)
    : services_(services), boxes_(boxes), network_(network), resolver_(resolver), terms_(std::move(terms)) {}

io::Task<> Fetcher::run() {
  io::Loop& loop = io::Loop::current();
  while (!stopping_) {
    const auto loaded = co_await io::run(services_.pool(), [&boxes = boxes_] { return boxes.load(); });
    if (loaded) break;
    log::error("fetch", "the boxes of other hosts cannot be read", {{"error", loaded.error().text()}});
    for (int i = 0; i < 60 && !stopping_; ++i) co_await loop.sleep_for(kTick);
  }
  while (!stopping_) {
    look();
    co_await loop.sleep_for(kTick);
  }
  while (!runs_.empty()) co_await loop.sleep_for(std::chrono::milliseconds(20));
}

void Fetcher::stop() {
  stopping_ = true;
  for (const auto& [id, run] : runs_) {
    run->stopping = true;
    end(*run);
  }
}

void Fetcher::end(FetchRun& run) {
  run.stop.set();
  if (run.connection != nullptr && !run.serving) run.connection->close();
}

void Fetcher::look() {
  std::size_t busy = 0;
  for (const auto& [id, run] : runs_) {
    // Somebody changed the box, or took it away.
    if (!run->wanted()) end(*run);
    if (!run->idling) ++busy;
  }
  for (fetch::BoxPtr& box : boxes_.due(io::Loop::current().clock().wall())) {
    if (busy >= kFetchesMax || runs_.size() - busy >= kFetchesIdleMax) return;
    if (runs_.contains(box->id)) continue;
    ++busy;
    io::Loop::current().spawn(work(std::move(box)));
  }
}

io::Task<> Fetcher::work(fetch::BoxPtr box) {
  FetchRun run{.services = services_, .boxes = boxes_, .box = box};
  if (runs_.contains(box->id)) co_return;
  runs_.emplace(box->id, &run);
  struct Leave {
    Runs& runs;
    fetch::BoxId id;
    ~Leave() { runs.erase(id); }
  };
  const Leave leave{runs_, box->id};
  const auto known = boxes_.get(box->account, box->name);
  if (!known || !run.wanted()) co_return;
  run.progress = known->progress;
  const std::shared_ptr<const FetchTerms> terms = terms_();
  run.hostname = terms->hostname;
  run.timeout = terms->timeout;
  run.mx = terms->mx.get();
  run.caught_up = [this, &run] { return succeed(run); };
  const Result<> outcome = co_await attempt(run, *terms);
  if (!run.wanted()) co_return;
  if (outcome) {
    co_await succeed(run);
  } else {
    co_await fail_with(run, outcome.error());
  }
}

namespace {

/// A token that is not there may come: somebody else keeps it fresh. A ticket is got for a connection, later.
io::Task<Result<>> know_secret(FetchRun& run) {
  if (!run.box->tickets.empty()) {
    run.has = sasl::Needs::ticket;
    co_return Result<>();
  }
  if (run.box->token_file.empty()) {
    run.secret = sasl::Secret::copy(run.box->password);
    co_return Result<>();
  }
  run.has = sasl::Needs::token;
  auto token = co_await io::run(run.services.pool(),
                                [path = run.box->token_file] { return read_password_file(path, kTokenMax); });
  if (!token) co_return fail(sasl::kUnavailable, token.error().text());
  run.secret = *std::move(token);
  co_return Result<>();
}

}  // namespace

io::Task<Result<sasl::ClientContext>> fetch_credentials(FetchRun& run, std::string service) {
  const fetch::Box& box = *run.box;
  sasl::ClientContext context;
  context.identity.authentication_id = box.user;
  context.has = run.has;
  context.password = sasl::Secret::copy(run.secret.view());
  context.service = std::move(service);
  context.host = box.host;
  context.bindings = wire::saslsec::channel_bindings(*run.connection);
  if (run.connection->tls() == nullptr) {
    context.protection_min = box.layer;
    context.protection_max = sasl::Protection::confidentiality;
  }
  if (run.has == sasl::Needs::ticket) {
    // One party for all boxes: a realm that does not answer must not keep the threads that recipients are looked up on.
    context.gss = CO_TRY(co_await get_ticket(run.services.names(), "tickets", box.tickets, box.user, context));
    // The ticket says who it is; the name is what the server may know it by.
    context.identity = {};
  }
  co_return context;
}

sasl::Choice::Weak weak_for(const fetch::Box& box) {
  return box.layer == sasl::Protection::none ? sasl::Choice::Weak::refused : sasl::Choice::Weak::allowed;
}

Error refused_before_login(const fetch::Box& box, std::string words) {
  if (box.layer == sasl::Protection::none) return {kFetchRefused, std::move(words)};
  return {kFetchUnsure,
          std::move(words) + " (asked again later, since the layer that --layer wants was not agreed on)"};
}

bool may_change(const FetchRun& run) { return run.has != sasl::Needs::password; }

io::Task<Result<>> Fetcher::attempt(FetchRun& run, const FetchTerms& terms) {
  if (!run.box->sealed.empty())
    co_return fail(
        kFetchRefused,
        "the password was sealed with another key than fetch.key is now; give it anew: angarium fetch password");
  CO_TRY(co_await know_secret(run));
  const auto connection = CO_TRY(co_await reach(*run.box, terms));
  if (!run.wanted()) co_return fail(kCancelled, "stopped");
  run.connection = connection.get();
  Result<> outcome;
  switch (run.box->protocol) {
    case fetch::Protocol::pop3: outcome = co_await fetch_pop3(run); break;
    case fetch::Protocol::imap: outcome = co_await fetch_imap(run); break;
    case fetch::Protocol::odmr: outcome = co_await fetch_odmr(run); break;
  }
  run.connection = nullptr;
  connection->close();
  co_return outcome;
}

io::Task<Result<std::unique_ptr<io::Stream>>> Fetcher::connect(const fetch::Box& box, const FetchTerms& terms) {
  std::vector<io::Endpoint> endpoints;
  if (const auto address = io::IpAddress::parse(box.host)) {
    endpoints.emplace_back(*address, box.port);
  } else {
    const route::Hosts hosts = co_await route::find_relay(resolver_, box.host, terms.hosts);
    if (hosts.failure != route::Failure::none)
      co_return fail(io::kUnreachable, box.host + ": " + route::recipient_status(hosts.failure, box.host).text);
    for (const route::Hop& hop : hosts.hops) endpoints.emplace_back(hop.address, box.port);
  }
  io::Race race = co_await io::race(network_, endpoints, terms.race);
  if (race.stream) co_return std::move(race.stream);
  for (const io::Attempt& attempt : race.attempts)
    if (attempt.error) co_return fail(io::kUnreachable, attempt.to.text() + ": " + attempt.error->text());
  co_return fail(io::kUnreachable, box.host + ": no answer in time");
}

io::Task<Result<std::unique_ptr<wire::Connection>>> Fetcher::reach(const fetch::Box& box, const FetchTerms& terms) {
  auto stream = CO_TRY(co_await connect(box, terms));
  if (box.tls == fetch::Tls::none) {
    if (!plaintext_allowed(terms, stream->peer()))
      co_return fail(kFetchRefused,
                     "without TLS nothing is fetched here: auth.plaintext_without_tls of the configuration forbids it");
    co_return wire::plain_connection(std::move(stream));
  }
  auto options = std::make_shared<wire::tls::ClientOptions>();
  options->context = box.certificate == fetch::Certificate::checked ? terms.verified : terms.any;
  options->server_name = box.host;
  if (box.tls == fetch::Tls::starttls) co_return wire::tls::client_connection(std::move(stream), std::move(options));
  co_return co_await wire::tls::connect(std::move(stream), std::move(options));
}

io::Task<> Fetcher::write_down(FetchRun& run, fetch::Pause pause) {
  const auto written = co_await io::run(services_.pool(), [&boxes = boxes_, box = run.box, progress = run.progress,
                                                           pause] { return boxes.report(box, progress, pause); });
  // It is known again after the next look; what was fetched is marked with the messages.
  if (!written) log::warning("fetch", "what became of a box was not written down", {{"error", written.error().text()}});
}

io::Task<> Fetcher::succeed(FetchRun& run) {
  io::Loop& loop = io::Loop::current();
  fetch::Progress& progress = run.progress;
  progress.last_run = progress.last_success = loop.clock().wall();
  progress.failures = 0;
  progress.error = escape_controls(run.remark, fetch::kErrorMax);
  progress.next = {progress.last_run.microseconds + around(run.box->every, loop.random()).count()};
  if (run.taken > 0)
    log::info("fetch", "fetched",
              {{"account", run.box->address}, {"box", run.box->name}, {"messages", std::exchange(run.taken, 0)}});
  run.remark.clear();
  co_await write_down(run, fetch::Pause::none);
}

io::Task<> Fetcher::fail_with(FetchRun& run, const Error& error) {
  io::Loop& loop = io::Loop::current();
  failed.add();
  fetch::Progress& progress = run.progress;
  progress.last_run = loop.clock().wall();
  ++progress.failures;
  progress.error = escape_controls(error.text(), fetch::kErrorMax);
  progress.next = {progress.last_run.microseconds + fetch_pause(*run.box, progress.failures, loop.random()).count()};
  const bool hopeless = error.is(kFetchRefused) || (error.is(kFetchNotLetIn) && progress.failures >= kFetchNotLetInMax);
  const log::Level level = hopeless ? log::Level::warning : log::Level::notice;
  log::write(level, "fetch", hopeless ? "a box is paused until somebody has looked at it" : "a box was not fetched",
             {{"account", run.box->address}, {"box", run.box->name}, {"error", progress.error}});
  co_await write_down(run, hopeless ? fetch::Pause::refused : fetch::Pause::none);
}

}  // namespace angarium::agent
