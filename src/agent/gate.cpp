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
  return enter(peer.is_local_host() ? std::string() : account::attempt_key(peer.address().text()), per_address_max_);
}

Gate::Pass Gate::enter_user(unsigned uid) {
  const std::uint64_t half = std::max<std::uint64_t>(1, connections_max_ / 2);
  // No address reads so.
  return enter(uid == 0 ? std::string() : "uid " + std::to_string(uid), std::min(kUserSessionsMax, half));
}

Gate::Pass Gate::enter(std::string party, std::uint64_t party_max) {
  if (connections_.fetch_add(1) >= connections_max_) {
    connections_.fetch_sub(1);
    refused.add();
    return {};
  }
  if (!party.empty()) {
    const std::lock_guard lock(mutex_);
    const auto place = by_party_.find(party);
    if ((place == by_party_.end() ? 0 : place->second) >= party_max) {
      connections_.fetch_sub(1);
      refused.add();
      return {};
    }
    ++by_party_[party];
  }
  open_connections.add();
  return {this, std::move(party)};
}

void Gate::leave(const std::string& party) {
  connections_.fetch_sub(1);
  open_connections.add(-1);
  if (party.empty()) return;
  const std::lock_guard lock(mutex_);
  const auto found = by_party_.find(party);
  if (found != by_party_.end() && --found->second == 0) by_party_.erase(found);
}

}  // namespace angarium::agent
