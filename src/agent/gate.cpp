#include "agent/gate.h"

#include <algorithm>

#include "account/attempts.h"
#include "base/counters.h"

namespace angarium::agent {
namespace {

Counter open_connections("angarium_connections", "Connections open now.", CounterKind::gauge);
Counter refused("angarium_connections_refused_total", "Connections turned away for being too many.");

}  // namespace

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
