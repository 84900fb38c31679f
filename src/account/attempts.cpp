#include "account/attempts.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace angarium::account {

void Attempts::set_limits(AttemptLimits limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
}

bool Attempts::locked_out(std::string_view address) {
  if (address.empty()) return false;
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(attempt_key(address));
  if (found == counts_.end()) return false;
  if (clock_.now() - found->second.last >= limits_.window) {
    counts_.erase(found);
    return false;
  }
  return found->second.failures >= limits_.failures_max;
}

void Attempts::failed(std::string_view address) {
  if (address.empty()) return;
  const std::lock_guard lock(mutex_);
  std::string key = attempt_key(address);
  if (counts_.size() >= limits_.addresses_max && !counts_.contains(key)) make_room();
  Count& count = counts_[std::move(key)];
  if (count.failures > 0 && clock_.now() - count.last >= limits_.window) count.failures = 0;
  ++count.failures;
  count.last = clock_.now();
}

void Attempts::take_back(std::string_view address, std::uint32_t failures) {
  if (address.empty()) return;
  const std::lock_guard lock(mutex_);
  if (const auto found = counts_.find(attempt_key(address)); found != counts_.end())
    found->second.failures -= std::min(found->second.failures, failures);
}

std::size_t Attempts::addresses() const {
  const std::lock_guard lock(mutex_);
  return counts_.size();
}

/// Forgets what is older than the window, or, when nothing is, the older half: rare, and linear in the table.
void Attempts::make_room() {
  const Moment now = clock_.now();
  std::erase_if(counts_, [&](const auto& item) { return now - item.second.last >= limits_.window; });
  if (counts_.size() < limits_.addresses_max) return;
  Moment oldest = now;
  for (const auto& [key, count] : counts_) oldest = std::min(oldest, count.last);
  const Duration half = (now - oldest) / 2;
  std::erase_if(counts_, [&](const auto& item) { return now - item.second.last >= half; });
}

std::string attempt_key(std::string_view address) {
  std::array<char, sizeof(in6_addr)> octets{};
  if (inet_pton(AF_INET6, std::string(address).c_str(), octets.data()) != 1) return std::string(address);
  // ::ffff:192.0.2.1 is the IPv4 address that a socket for both families shows.
  constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  if (std::string_view(octets.data(), 12) == kMapped) {
    std::array<char, INET_ADDRSTRLEN> text{};
    inet_ntop(AF_INET, octets.data() + 12, text.data(), text.size());
    return text.data();
  }
  return to_hex(std::string_view(octets.data(), 8)) + "/64";
}

}  // namespace angarium::account
