#include "agent/budget.h"

#include <unistd.h>

#include "base/counters.h"

namespace angarium::agent {
namespace {

Counter in_flight("angarium_message_memory_octets", "Memory held for messages in flight.", CounterKind::gauge);

}  // namespace

Budget::Hold Budget::take(std::string owner, std::uint64_t octets) {
  if (held_.fetch_add(octets) + octets > octets_) {
    held_.fetch_sub(octets);
    return {};
  }
  if (!owner.empty()) {
    const std::lock_guard lock(mutex_);
    std::uint64_t& held = by_owner_[owner];
    if (held + octets > octets_ / 10) {
      if (held == 0) by_owner_.erase(owner);
      held_.fetch_sub(octets);
      return {};
    }
    held += octets;
  }
  in_flight.add(static_cast<std::int64_t>(octets));
  return {this, std::move(owner), octets};
}

void Budget::give_back(const std::string& owner, std::uint64_t octets) {
  held_.fetch_sub(octets);
  in_flight.add(-static_cast<std::int64_t>(octets));
  if (owner.empty()) return;
  const std::lock_guard lock(mutex_);
  const auto found = by_owner_.find(owner);
  if (found == by_owner_.end()) return;
  found->second -= octets;
  if (found->second == 0) by_owner_.erase(found);
}

std::uint64_t budget_octets(std::int64_t percent) {
  const auto pages = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES));
  const auto size = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return pages * size / 100 * static_cast<std::uint64_t>(percent);
}

}  // namespace angarium::agent
