// What the configuration says, in each protocol's own words.
#pragma once

#include "account/attempts.h"
#include "configuration/configuration.h"
#include "protocol/imap/server.h"
#include "protocol/pop3/server.h"
#include "protocol/smtp/policy.h"

namespace angarium::agent {

/// `tls`: whether STARTTLS is offered or spoken already.
protocol::smtp::Policy smtp_policy(const configuration::Configuration& configuration, protocol::smtp::Role role,
                                   protocol::smtp::TlsUse tls);
/// Without plaintext_without_tls, which depends on the peer. Its mechanisms are views into `configuration`.
protocol::pop3::ServerOptions pop3_options(const configuration::Configuration& configuration);
protocol::imap::ServerOptions imap_options(const configuration::Configuration& configuration);
account::AttemptLimits attempt_limits(const configuration::Configuration& configuration);

}  // namespace angarium::agent
