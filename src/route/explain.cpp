#include "route/explain.h"

#include <iterator>
#include <utility>

#include "route/site.h"

namespace angarium::route {
namespace {

/// The host that a transport names, and its port; nothing for those that name none.
struct Named {
  std::string host;
  std::uint16_t port;
};
std::optional<Named> named_host(const Transport& transport) {
  if (const auto* relay = std::get_if<Relay>(&transport)) return Named{relay->host, relay->port};
  if (const auto* lmtp = std::get_if<ByLmtp>(&transport); lmtp && !lmtp->host.empty())
    return Named{lmtp->host, lmtp->port};
  return std::nullopt;
}

}  // namespace

io::Task<Explanation> explain(io::Resolver& resolver, const TransportMap& map, const HostsOptions& options,
                              Random& random, envelope::Mailbox recipient, envelope::ReversePath sender,
                              std::uint16_t port) {
  Explanation told{.decision = map.explain(recipient, sender), .hosts = {}, .reply = {}, .facts = {}};
  told.facts = std::exchange(told.decision.facts, {});
  const auto& transport = told.decision.transport;
  std::string domain = recipient.domain;
  if (const auto named = named_host(transport)) {
    domain = named->host;
    told.port = named->port;
    told.hosts = co_await find_relay(resolver, domain, options);
  } else if (std::holds_alternative<ByDns>(transport)) {
    told.port = port;
    told.hosts = co_await find_hosts(resolver, domain, options, random);
    if (auto site = site_of(told.hosts->hops); !site.empty())
      told.hosts->facts.push_back({"site", site + ": its hosts share sessions and pauses, whatever the domain"});
  } else if (const auto* refuse = std::get_if<Refuse>(&transport)) {
    told.reply = Status{.code = refuse->code, .enhanced = refuse->enhanced, .text = refuse->text};
  }
  if (told.hosts) {
    auto& facts = told.hosts->facts;
    told.facts.insert(told.facts.end(), std::move_iterator(facts.begin()), std::move_iterator(facts.end()));
    facts.clear();
    if (told.hosts->failure != Failure::none) told.reply = recipient_status(told.hosts->failure, domain);
  }
  co_return told;
}

}  // namespace angarium::route
