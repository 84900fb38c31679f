#include "agent/gate.h"

#include <sys/resource.h>

#include <algorithm>

#include "account/attempts.h"
#include "base/counters.h"
#include "base/log.h"

namespace angarium::agent {
namespace {

/// As configured, or what the descriptors of this process allow.
std::uint64_t connections_max(const configuration::Configuration& configuration) {
  const auto wanted = static_cast<std::uint64_t>(configuration.limits.connections_max);
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  const std::uint64_t possible = connections_for(limit.rlim_cur);
  if (possible < wanted)
    log::warning("agent", "the limit of descriptors allows fewer connections than limits.connections_max",
                 {{"descriptors", std::uint64_t{limit.rlim_cur}}, {"connections", possible}});
  return std::min(wanted, possible);
}

/// As configured, or a tenth of all.
std::uint64_t per_address(const configuration::Configuration& configuration, std::uint64_t all) {
  return configuration.limits.connections_per_address == 0
             ? std::max<std::uint64_t>(1, all / 10)
             : static_cast<std::uint64_t>(configuration.limits.connections_per_address);
}

Counter open_connections("angarium_connections", "Connections open now.", CounterKind::gauge);
Counter refused("angarium_connections_refused_total", "Connections turned away for being too many.");

}  // namespace

GateLimits gate_limits(const configuration::Configuration& configuration) {
  const std::uint64_t all = connections_max(configuration);
  return {.connections_max = all, .per_address_max = per_address(configuration, all)};
}

std::uint64_t connections_for(std::uint64_t descriptors) {
  return descriptors - std::min(descriptors / 2, kOwnDescriptors);
}

Gate::Pass Gate::enter(const io::Endpoint& peer) {
  if (connections_.fetch_add(1) >= connections_max_) {
    connections_.fetch_sub(1);
    refused.add();
    return {};
  }
  std::string address;
  if (!peer.is_local_host()) {
    address = account::attempt_key(peer.address().text());
    const std::lock_guard lock(mutex_);
    std::uint64_t& count = by_address_[address];
    if (count >= per_address_max_) {
      connections_.fetch_sub(1);
      refused.add();
      return {};
    }
    ++count;
  }
  open_connections.add();
  return {this, std::move(address)};
}

void Gate::leave(const std::string& address) {
  connections_.fetch_sub(1);
  open_connections.add(-1);
  if (address.empty()) return;
  const std::lock_guard lock(mutex_);
  const auto found = by_address_.find(address);
  if (found != by_address_.end() && --found->second == 0) by_address_.erase(found);
}

}  // namespace angarium::agent
