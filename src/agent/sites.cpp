#include "agent/sites.h"

#include <algorithm>

namespace angarium::agent {

bool Sites::Site::rests(Moment now) const {
  return until > now || std::ranges::any_of(hosts, [&](const auto& one) { return one.second.until > now; });
}

std::optional<Sites::PutOff> Sites::put_off(std::string_view name, const std::vector<std::string>& hosts, Moment now) {
  const std::lock_guard lock(mutex_);
  const auto at = sites_.find(name);
  if (at == sites_.end() || hosts.empty()) return std::nullopt;
  const Site& site = at->second;
  std::optional<PutOff> first;
  bool all = true;
  bool well = false;
  for (const std::string& host : hosts) {
    const auto known = site.hosts.find(host);
    well = well || (known != site.hosts.end() && known->second.failures == 0);
    if (known == site.hosts.end() || known->second.until <= now) {
      all = false;
    } else if (!first || known->second.until - now < first->rest) {
      first = {.rest = known->second.until - now, .trouble = known->second.trouble};
    }
  }
  if (all) return first;
  if (site.until > now && !well) return PutOff{.rest = site.until - now, .trouble = site.trouble};
  return std::nullopt;
}

bool Sites::troubled(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto at = sites_.find(name);
  if (at == sites_.end()) return false;
  return at->second.failures > 0 ||
         std::ranges::all_of(at->second.hosts, [](const auto& one) { return one.second.failures > 0; });
}

void Sites::reached(std::string_view name, const std::string& host) {
  const std::lock_guard lock(mutex_);
  auto at = sites_.find(name);
  if (at == sites_.end()) {
    if (sites_.size() >= kSitesMax) make_room({});
    at = sites_.try_emplace(std::string(name)).first;
  }
  Site& site = at->second;
  site.in_a_row.clear();
  site.failures = 0;
  site.until = {};
  if (site.hosts.size() >= kHostsMax && !site.hosts.contains(host)) site.hosts.clear();
  site.hosts.insert_or_assign(host, Host{});
}

Duration Sites::failed(const std::string& name, const std::vector<std::string>& hosts, const queue::Trouble& trouble,
                       Moment now, const std::function<Duration(std::uint32_t)>& pause) {
  const std::lock_guard lock(mutex_);
  if (sites_.size() >= kSitesMax && !sites_.contains(name)) make_room(now);
  Site& site = sites_[name];
  // Those that were reached tell more.
  if (site.hosts.size() + hosts.size() > kHostsMax)
    std::erase_if(site.hosts, [](const auto& known) { return known.second.failures > 0; });
  if (site.hosts.size() + hosts.size() > kHostsMax) site.hosts.clear();
  Duration rest = Duration::max();
  for (const std::string& one : hosts) {
    Host& host = site.hosts[one];
    if (host.until <= now) {
      ++host.failures;
      host.until = now + pause(host.failures);
    }
    host.trouble = trouble;
    rest = std::min(rest, host.until - now);
    if (site.in_a_row.size() < kHostsOfTrouble) site.in_a_row.insert(one);
  }
  if (site.in_a_row.size() >= kHostsOfTrouble && site.until <= now) {
    ++site.failures;
    site.until = now + pause(site.failures);
    site.trouble = trouble;
    // The next pause takes as many hosts again: each of those that wait now has its turn.
    site.in_a_row.clear();
  }
  return rest;
}

void Sites::end_pauses(const std::string& destination) {
  const std::lock_guard lock(mutex_);
  const auto at = site_of_.find(destination);
  for (auto& [name, site] : sites_) {
    if (at != site_of_.end() && at->second != name) continue;
    site.until = {};
    for (auto& [host, known] : site.hosts) known.until = {};
  }
}

void Sites::make_room(Moment now) {
  std::erase_if(sites_, [&](const auto& one) { return !one.second.rests(now); });
  if (sites_.size() >= kSitesMax) sites_.clear();
}

void Sites::learn(const std::string& destination, const std::string& site) {
  const std::lock_guard lock(mutex_);
  const auto at = site_of_.find(destination);
  if (at != site_of_.end()) {
    if (at->second != site) at->second = site;
    return;
  }
  if (site_of_.size() >= kDestinationsMax) site_of_.clear();
  site_of_.emplace(destination, site);
}

std::string Sites::site_of(const std::string& destination) {
  const std::lock_guard lock(mutex_);
  const auto at = site_of_.find(destination);
  return at == site_of_.end() ? std::string() : at->second;
}

}  // namespace angarium::agent
