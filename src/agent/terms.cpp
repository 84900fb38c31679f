#include "agent/terms.h"

#include <algorithm>

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;

SmtpDesk desk(const configuration::Configuration& configuration, const std::shared_ptr<const CourierTerms>& courier,
              const Shared& shared, smtp::Role role) {
  const smtp::TlsUse tls = shared.tls != nullptr ? smtp::TlsUse::offered : smtp::TlsUse::none;
  return {.services = shared.services,
          .budget = shared.budget,
          .rate = shared.rate,
          .policy = smtp_policy(configuration, role, tls),
          .outbound = courier,
          .relay_networks = read_networks(configuration.smtp.relay_networks).value_or(std::vector<io::Prefix>()),
          .relay_domains = RelayDomains(configuration.smtp.relay_domains),
          .odmr = OdmrCustomers(configuration.odmr),
          .etrn_networks = read_networks(configuration.smtp.etrn_networks).value_or(std::vector<io::Prefix>()),
          .checkpoint_octets = static_cast<std::uint64_t>(configuration.smtp.checkpoint_size),
          .vrfy = configuration.smtp.vrfy,
          .logins = login_terms(configuration)};
}

}  // namespace

Terms::Terms(configuration::Configuration applied, std::shared_ptr<const CourierTerms> outbound, const Shared& shared)
    : configuration(std::move(applied)),
      courier(std::move(outbound)),
      mx(desk(configuration, courier, shared, smtp::Role::mx)),
      relays(mx),
      submission(desk(configuration, courier, shared, smtp::Role::submission)),
      odmr(desk(configuration, courier, shared, smtp::Role::odmr)),
      lmtp(desk(configuration, courier, shared, smtp::Role::lmtp)),
      lmtp_here(lmtp),
      pop3{shared.services, shared.maildrop_locks, pop3_options(configuration), login_terms(configuration)},
      imap(imap_options(configuration)) {
  lmtp_here.policy.auth = smtp::AuthUse::none;
  relays.policy.priorities = submission.policy.priorities;
  relays.policy.priorities.highest = relays.policy.priorities.authenticated;
  for (const Service& service : all_services()) {
    wire::tls::ServerOptions options{.context = shared.tls, .protocols = {}, .listener = std::string(service.name)};
    options.handshake_timeout = configuration.limits.handshake_timeout;
    if (!service.alpn.empty()) options.protocols.emplace_back(service.alpn);
    tls.push_back(std::make_shared<const wire::tls::ServerOptions>(std::move(options)));
  }
}

const SmtpDesk& Terms::mx_for(const io::Endpoint& peer) const {
  const bool known = peer.is_ip() && std::ranges::any_of(mx.relay_networks, [&](const io::Prefix& network) {
                       return network.contains(peer.address());
                     });
  return known ? relays : mx;
}

}  // namespace angarium::agent
