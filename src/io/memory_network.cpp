#include "io/memory_network.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "io/memory_connection.h"

namespace angarium::io {
namespace {

constexpr std::uint16_t kFirstPort = 49152;  // RFC 6335 §6
/// A first word that nobody answers is said again so much later, then after twice the time (RFC 6298 §5.7).
constexpr Duration kSayAgain = std::chrono::seconds(1);

}  // namespace

struct MemoryNetwork::Host::Body {
  MemoryNetwork::Body& network;
  std::size_t number;
  std::string name;
  std::vector<IpAddress> addresses;
  State state = State::up;
  std::map<Endpoint, Handler> handlers;
  std::uint16_t next_port = kFirstPort;

  [[nodiscard]] bool has(const IpAddress& address) const {
    return std::ranges::find(addresses, address) != addresses.end();
  }
  [[nodiscard]] std::optional<Endpoint> name_for(const Endpoint& to, const ConnectOptions& options);
  [[nodiscard]] const Handler* handler_at(const Endpoint& at) const;
};

struct MemoryNetwork::Body {
  struct Between {
    std::optional<Link> link;
    std::shared_ptr<Passage> passage = std::make_shared<Passage>();
  };
  using Pair = std::pair<std::size_t, std::size_t>;

  Loop& loop;
  std::shared_ptr<SeededRandom> random;
  Link link;
  std::vector<std::unique_ptr<Host>> hosts;
  std::map<Pair, Between> links;
  std::function<Plan(const Endpoint&, const Endpoint&)> plan;
  NetworkFaults faults;
  std::vector<std::weak_ptr<NetworkConnection>> connections;
  std::size_t sweep_at = 64;
  std::uint64_t attempts = 0;

  Between& between(std::size_t one, std::size_t other) { return links[std::minmax(one, other)]; }
  [[nodiscard]] Link link_between(std::size_t one, std::size_t other) {
    return between(one, other).link.value_or(one == other ? Link{} : link);
  }
  Host::Body* find(const Endpoint& to, Host::Body& from);
  Plan plan_for(const Endpoint& from, const Endpoint& to);
  bool chance(std::uint32_t per_million) { return per_million > 0 && random->below(1'000'000) < per_million; }
  void keep(const std::shared_ptr<NetworkConnection>& connection);
  template <class Action>
  void each_connection(Action action) {
    const auto all = connections;
    for (const auto& weak : all)
      if (const auto connection = weak.lock()) action(*connection);
  }
};

std::optional<Endpoint> MemoryNetwork::Host::Body::name_for(const Endpoint& to, const ConnectOptions& options) {
  if (!to.is_ip()) return Endpoint();
  const auto port = next_port;
  next_port = next_port == UINT16_MAX ? kFirstPort : static_cast<std::uint16_t>(next_port + 1);
  if (to.address().is_loopback()) return Endpoint(to.address(), port);
  if (options.from) return has(*options.from) ? std::optional(Endpoint(*options.from, port)) : std::nullopt;
  for (const auto& address : addresses)
    if (address.family() == to.address().family()) return Endpoint(address, port);
  return std::nullopt;
}

const MemoryNetwork::Host::Handler* MemoryNetwork::Host::Body::handler_at(const Endpoint& at) const {
  auto found = handlers.find(at);
  if (found == handlers.end() && at.is_ip()) {
    const bool v4 = at.address().family() == IpAddress::Family::v4;
    if (v4) found = handlers.find(Endpoint(IpAddress(), at.port()));
    // [::] takes IPv4 as well.
    if (found == handlers.end()) found = handlers.find(Endpoint(IpAddress::v6({}), at.port()));
  }
  return found == handlers.end() ? nullptr : &found->second;
}

MemoryNetwork::Host::Body* MemoryNetwork::Body::find(const Endpoint& to, Host::Body& from) {
  if (to.is_local_host()) return &from;
  for (const auto& host : hosts)
    if (host->body_->has(to.address())) return host->body_.get();
  return nullptr;
}

Plan MemoryNetwork::Body::plan_for(const Endpoint& from, const Endpoint& to) {
  if (plan) return plan(from, to);
  Plan drawn;
  if (chance(faults.refused_per_million)) drawn.opening = Plan::Opening::refused;
  if (chance(faults.unreachable_per_million)) drawn.opening = Plan::Opening::unreachable;
  if (chance(faults.dropped_per_million)) drawn.opening = Plan::Opening::dropped;
  if (chance(faults.broken_per_million)) {
    const std::size_t octets = random->below(faults.broken_octets_max + 1);
    (random->below(2) == 0 ? drawn.octets_to_caller : drawn.octets_to_listener) = octets;
    drawn.how = std::array{Break::reset, Break::end, Break::silence}[random->below(3)];
  }
  return drawn;
}

void MemoryNetwork::Body::keep(const std::shared_ptr<NetworkConnection>& connection) {
  if (connections.size() >= sweep_at) {
    std::erase_if(connections, [](const auto& weak) { return weak.expired(); });
    sweep_at = connections.size() * 2 + 64;
  }
  connections.push_back(connection);
}

MemoryNetwork::Host::Host(std::unique_ptr<Body> body) : body_(std::move(body)) {}
MemoryNetwork::Host::~Host() = default;

Task<Result<std::unique_ptr<Stream>>> MemoryNetwork::Host::connect(Endpoint to, ConnectOptions options) {
  auto& network = body_->network;
  auto& loop = network.loop;
  const auto deadline = loop.now() + options.timeout;
  ++network.attempts;
  co_await loop.yield();
  const auto from = body_->name_for(to, options);
  if (!from) co_return fail(kUnreachable, "connect " + to.text() + ": no address to connect from");
  Body* target = network.find(to, *body_);
  if (!target) {
    co_await loop.sleep_until(std::min(deadline, loop.now() + network.link.latency));
    co_return fail(kUnreachable, "connect " + to.text() + ": no such host");
  }
  const Link link = network.link_between(body_->number, target->number);
  const auto passage = network.between(body_->number, target->number).passage;
  const auto timed_out = [&] { return fail(kTimedOut, "connect " + to.text() + ": no answer"); };

  for (Duration again = kSayAgain;; again *= 2) {
    co_await loop.sleep_until(std::min(deadline, loop.now() + link.latency));
    if (link.latency.count() > 0 && loop.now() >= deadline) co_return timed_out();
    if (!passage->severed && target->state != State::gone && body_->state == State::up) break;
    co_await loop.sleep_until(std::min(deadline, loop.now() + again));
    if (loop.now() >= deadline) co_return timed_out();
  }
  const Plan plan = network.plan_for(*from, to);
  if (plan.opening == Plan::Opening::dropped) {
    co_await loop.sleep_until(deadline);
    co_return timed_out();
  }
  const Handler* handler = target->state == State::up ? target->handler_at(to) : nullptr;
  std::unique_ptr<Stream> end;
  if (handler && plan.opening == Plan::Opening::accepted) {
    const auto connection = std::make_shared<NetworkConnection>(
        NetworkConnection::Setting{loop, network.random, passage, link, plan, {body_->number, target->number}});
    network.keep(connection);
    end = connection->make_end(NetworkConnection::caller, *from, to);
    // A copy: it may listen no more when it is called.
    const Handler called = *handler;
    called(connection->make_end(NetworkConnection::listener, to, *from));
    connection->begin();
  }
  co_await loop.sleep_until(std::min(deadline, loop.now() + link.latency));
  if (link.latency.count() > 0 && loop.now() >= deadline) co_return timed_out();
  if (end) co_return end;
  if (plan.opening == Plan::Opening::unreachable) co_return fail(kUnreachable, "connect " + to.text());
  co_return fail(kRefused, "connect " + to.text());
}

void MemoryNetwork::Host::listen(const Endpoint& at, Handler handler) {
  body_->handlers.insert_or_assign(at, std::move(handler));
}
void MemoryNetwork::Host::stop_listening(const Endpoint& at) { body_->handlers.erase(at); }

void MemoryNetwork::Host::set_state(State state) {
  body_->state = state;
  body_->network.each_connection([&](NetworkConnection& connection) {
    if (!connection.touches(body_->number)) return;
    switch (state) {
      case State::up: return connection.forget(body_->number);
      case State::stopped: return connection.break_off(Break::reset);
      case State::gone: return connection.break_off(Break::silence);
    }
  });
}

MemoryNetwork::Host::State MemoryNetwork::Host::state() const { return body_->state; }
const std::vector<IpAddress>& MemoryNetwork::Host::addresses() const { return body_->addresses; }
const std::string& MemoryNetwork::Host::name() const { return body_->name; }

std::size_t MemoryNetwork::Host::connections() const {
  std::size_t count = 0;
  body_->network.each_connection([&](const NetworkConnection& connection) {
    if (connection.touches(body_->number) && connection.open()) ++count;
  });
  return count;
}

MemoryNetwork::MemoryNetwork(Loop& loop, std::uint64_t seed, Link link)
    : body_(std::make_unique<Body>(loop, std::make_shared<SeededRandom>(seed), link)) {}
MemoryNetwork::~MemoryNetwork() = default;

MemoryNetwork::Host& MemoryNetwork::add_host(std::string name, std::vector<IpAddress> addresses) {
  auto body = std::make_unique<Host::Body>(*body_, body_->hosts.size(), std::move(name), std::move(addresses));
  body_->hosts.push_back(std::unique_ptr<Host>(new Host(std::move(body))));
  return *body_->hosts.back();
}

void MemoryNetwork::set_link(const Host& one, const Host& other, Link link) {
  body_->between(one.body_->number, other.body_->number).link = link;
}

void MemoryNetwork::sever(const Host& one, const Host& other) {
  body_->between(one.body_->number, other.body_->number).passage->severed = true;
}

void MemoryNetwork::mend(const Host& one, const Host& other) {
  const auto& passage = body_->between(one.body_->number, other.body_->number).passage;
  passage->severed = false;
  body_->each_connection([&](NetworkConnection& connection) {
    if (connection.between(passage.get())) connection.resume();
  });
}

void MemoryNetwork::set_plan(std::function<Plan(const Endpoint&, const Endpoint&)> plan) {
  body_->plan = std::move(plan);
}
void MemoryNetwork::set_faults(NetworkFaults faults) { body_->faults = faults; }
std::uint64_t MemoryNetwork::attempts() const { return body_->attempts; }

}  // namespace angarium::io
