// What the configuration says, in each protocol's own words.
#pragma once

#include "account/attempts.h"
#include "agent/courier.h"
#include "configuration/configuration.h"
#include "io/unbound_resolver.h"
#include "protocol/imap/server.h"
#include "protocol/pop3/server.h"
#include "protocol/smtp/policy.h"
#include "route/hosts.h"
#include "route/transport.h"

namespace angarium::agent {

/// `tls`: whether STARTTLS is offered or spoken already.
protocol::smtp::Policy smtp_policy(const configuration::Configuration& configuration, protocol::smtp::Role role,
                                   protocol::smtp::TlsUse tls);
/// Without plaintext_without_tls, which depends on the peer. Its mechanisms are views into `configuration`.
protocol::pop3::ServerOptions pop3_options(const configuration::Configuration& configuration);
protocol::imap::ServerOptions imap_options(const configuration::Configuration& configuration);
/// For one UnboundResolver a loop, and for its reload().
io::ResolverOptions resolver_options(const configuration::Configuration& configuration);
/// Asks the system for the addresses of this host where a listener for SMTP takes all of them: not for every message.
route::HostsOptions hosts_options(const configuration::Configuration& configuration);
/// Never fails for a configuration that was read.
Result<route::TransportMap> transport_map(const configuration::Configuration& configuration);
/// Names of this host. Reads no file yet.
std::shared_ptr<const LocalTerms> local_terms(const configuration::Configuration& configuration);
ReportTerms report_terms(const configuration::Configuration& configuration);
/// How mail leaves this host. Reads the system's certificate authorities and the passwords for relays: not for every
/// message.
Result<std::shared_ptr<const CourierTerms>> courier_terms(const configuration::Configuration& configuration);
/// Never fails for the networks of a configuration that was read.
Result<std::vector<io::Prefix>> read_networks(const std::vector<std::string>& texts);
account::AttemptLimits attempt_limits(const configuration::Configuration& configuration);

}  // namespace angarium::agent
