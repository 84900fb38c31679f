#include "agent/site_windows.h"

#include <algorithm>

#include "io/loop.h"

namespace angarium::agent {

SiteWindows::~SiteWindows() = default;

void SiteWindows::Promise::give_back() {
  SiteWindows* const windows = std::exchange(windows_, nullptr);
  if (windows == nullptr) return;
  const auto at = windows->windows_.find(site_);
  if (at == windows->windows_.end()) return;
  --at->second.promised;
  windows->grant(site_, at->second);
  windows->forget(site_);
}

std::size_t SiteWindows::width(const std::string& site, const Window& window) const {
  const std::size_t most = std::max<std::size_t>(1, most_(site));
  if (window.taken >= most) return most;
  const auto doublings = std::min<std::int64_t>((io::Loop::current().now() - window.refused) / kGrows, 20);
  return std::min(most, window.taken << doublings);
}

std::size_t SiteWindows::width(const std::string& site) const {
  const auto at = windows_.find(site);
  return at == windows_.end() ? std::max<std::size_t>(1, most_(site)) : width(site, at->second);
}

/// Whenever there is room, those who wait have it before others.
void SiteWindows::grant(const std::string& site, Window& window) {
  while (!window.waiters.empty() && window.in_use + window.promised < width(site, window)) {
    Waiter* const first = window.waiters.front();
    window.waiters.pop_front();
    ++window.promised;
    first->promised = true;
    first->woken.set();
  }
}

/// Also what a site refused, when nobody uses it any more.
void SiteWindows::forget(const std::string& site) {
  const auto at = windows_.find(site);
  if (at == windows_.end()) return;
  const Window& window = at->second;
  if (window.in_use == 0 && window.promised == 0 && window.waiters.empty()) windows_.erase(at);
}

bool SiteWindows::enter(const std::string& site, Promise& promise) {
  if (site.empty()) return true;
  Window& window = windows_[site];
  if (promise.windows_ == this && promise.site_ == site) {
    promise.windows_ = nullptr;
    --window.promised;
    if (window.in_use >= width(site, window)) return false;  // it has become narrower meanwhile
    ++window.in_use;
    return true;
  }
  grant(site, window);
  if (window.in_use + window.promised >= width(site, window)) return false;
  ++window.in_use;
  return true;
}

void SiteWindows::opening(const std::string& site, const std::vector<std::string>& hosts) {
  if (site.empty()) return;
  Window& window = windows_[site];
  for (const std::string& host : hosts) ++window.hosts[host];
}

void SiteWindows::without(Window& window, const std::vector<std::string>& hosts) {
  for (const std::string& host : hosts)
    if (const auto with = window.hosts.find(host); with != window.hosts.end() && --with->second == 0)
      window.hosts.erase(with);
}

void SiteWindows::opened(const std::string& site, const std::vector<std::string>& hosts, const std::string& host) {
  if (site.empty()) return;
  Window& window = windows_[site];
  ++window.hosts[host];
  without(window, hosts);
  // A site that was in trouble may be wider now.
  grant(site, window);
}

void SiteWindows::not_opened(const std::string& site, const std::vector<std::string>& hosts) {
  if (const auto at = windows_.find(site); at != windows_.end()) without(at->second, hosts);
}

void SiteWindows::leave(const std::string& site, const std::string& host) {
  const auto at = windows_.find(site);
  if (at == windows_.end()) return;
  Window& window = at->second;
  --window.in_use;
  if (!host.empty()) without(window, {host});
  grant(site, window);
  forget(site);
}

void SiteWindows::refused(const std::string& site, Moment now) {
  const auto at = windows_.find(site);
  if (at == windows_.end()) return;
  at->second.taken = std::max<std::size_t>(1, at->second.in_use - 1);
  at->second.refused = now;
}

bool SiteWindows::in_use(const std::string& site, const std::vector<std::string>& hosts) const {
  const auto at = windows_.find(site);
  return at != windows_.end() &&
         std::ranges::any_of(hosts, [&](const std::string& host) { return at->second.hosts.contains(host); });
}

std::size_t SiteWindows::in_use(const std::string& site) const {
  const auto at = windows_.find(site);
  return at == windows_.end() ? 0 : at->second.in_use;
}

bool SiteWindows::crowded(const std::string& site) const {
  const auto at = windows_.find(site);
  return at != windows_.end() && !at->second.waiters.empty();
}

io::Task<SiteWindows::Promise> SiteWindows::wait(std::string site, std::vector<std::string> hosts) {
  Waiter waiter{.woken = io::Event(), .hosts = std::move(hosts)};
  if (stopped_ || site.empty()) co_return Promise();
  Window& window = windows_[site];
  window.waiters.push_back(&waiter);
  grant(site, window);
  co_await waiter.woken.wait();
  if (waiter.promised) co_return Promise(*this, std::move(site));
  forget(site);
  co_return Promise();
}

void SiteWindows::wake(const std::string& site, const std::function<bool(const std::vector<std::string>&)>& which) {
  const auto at = windows_.find(site);
  if (at == windows_.end()) return;
  std::erase_if(at->second.waiters, [&](Waiter* waiter) {
    if (!which(waiter->hosts)) return false;
    waiter->woken.set();
    return true;
  });
}

void SiteWindows::stop() {
  stopped_ = true;
  for (auto& [site, window] : windows_) {
    for (Waiter* const waiter : window.waiters) waiter->woken.set();
    window.waiters.clear();
  }
}

}  // namespace angarium::agent
