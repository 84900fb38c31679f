// Sites: what all domains share whose mail the same provider takes. One window of sessions, one pause when its hosts do
// not answer; a session is used again for any domain that names its host.
#include <algorithm>

#include "agent/courier_round.h"
#include "base/text.h"
#include "io/loop.h"

namespace angarium::agent {
namespace {

/// Messages of one destination before it lets others of its site go first.
constexpr std::size_t kTurn = 20;

}  // namespace

/// Without a session, and with nothing in hand.
io::Task<> Courier::wait_for(std::string site, std::vector<std::string> hosts, Session& session) {
  if (stopping_) co_return;
  ++waiting_;
  // Others may begin meanwhile.
  bell_.set();
  session.promise = co_await windows_.wait(std::move(site), std::move(hosts));
  --waiting_;
}

/// After a message was sent: others that wait for the site have their turn. False: this session's work is over.
io::Task<bool> Courier::yield_place(Session& session, Worked& worked) {
  if (!session || ++worked.turn < kTurn || !windows_.crowded(session->site)) co_return true;
  worked.turn = 0;
  const std::string site = session->site;
  std::vector<std::string> hosts = {session->key};
  put_by(session);
  if (worked.sessions > 1) co_return false;
  co_await wait_for(site, std::move(hosts), session);
  co_return true;
}

bool Courier::take_idle(const RemotePlan& plan, Session& session) {
  auto [at, end] = idle_.equal_range(plan.site);
  while (at != end && (!plan.fits(at->second.session) || at->second.session.client->closed())) ++at;
  if (at == end) return false;
  session = std::move(at->second.session);
  idle_.erase(at);
  windows_.opened(plan.site, {}, session->key);
  return true;
}

/// For one more session with the site: one that nobody uses goes.
void Courier::make_room(const std::string& site) {
  while (windows_.in_use(site) + idle_.count(site) > windows_.width(site)) {
    const auto at = idle_.find(site);
    if (at == idle_.end()) return;
    close(at->second.session);
    idle_.erase(at);
  }
}

/// No host was reached, with a place of the site.
void Courier::blame(const std::string& domain, const std::string& site, const std::vector<std::string>& hosts,
                    Unreachable& why) {
  const Moment now = io::Loop::current().now();
  if (windows_.in_use(site, hosts)) {
    // Others have what they asked for, or will hear the same: it is waited for them.
    windows_.refused(site, now);
    why.crowded = site;
    why.hosts = hosts;
    return;
  }
  const auto pause = [&](std::uint32_t failures) {
    return retry_pause(*terms_(), failures, io::Loop::current().random());
  };
  // A domain that has failed for long waits as long; the others of the site as long as its hosts have failed.
  const auto backoff = services_.queue().backoff(domain);
  why.rest = std::max(services_.sites().failed(site, hosts, why.trouble, now, pause),
                      pause(backoff ? backoff->failures - backoff->forgiven + 1 : 1));
  windows_.wake(site, [&](const std::vector<std::string>& waited) {
    return services_.sites().put_off(site, waited, now).has_value();
  });
}

}  // namespace angarium::agent
