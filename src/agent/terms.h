// What sessions are served under: made from the configuration at the start and by each reload.
#pragma once

#include <memory>
#include <vector>

#include "agent/doors.h"
#include "agent/maildrop.h"
#include "agent/settings.h"
#include "agent/transaction.h"
#include "configuration/configuration.h"
#include "wire/tls/connection.h"

namespace angarium::agent {

/// What all sessions share whatever the configuration says. Outlives every Terms.
struct Shared {
  Services& services;
  Budget& budget;
  Rate& rate;
  MaildropLocks& maildrop_locks;
  std::shared_ptr<wire::tls::ServerContext> tls;  ///< null: none
};

/// Never changed once it is made, so that any thread may read it. A session holds the one it began with to its end.
struct Terms {
  /// `courier`: of the same configuration.
  Terms(configuration::Configuration applied, std::shared_ptr<const CourierTerms> courier, const Shared& shared);
  Terms(const Terms&) = delete;
  Terms& operator=(const Terms&) = delete;

  [[nodiscard]] const SmtpDesk& mx_for(const io::Endpoint& peer) const;
  [[nodiscard]] const SmtpDesk& lmtp_for(const io::Endpoint& peer) const { return peer.is_ip() ? lmtp : lmtp_here; }

  configuration::Configuration configuration;
  std::shared_ptr<const CourierTerms> courier;
  SmtpDesk mx;
  SmtpDesk relays;  ///< as mx, for smtp.relay_networks: what their users asked for stands (RFC 6710 §4.1)
  SmtpDesk submission;
  SmtpDesk odmr;
  SmtpDesk lmtp;
  SmtpDesk lmtp_here;  ///< as lmtp, over sockets of this host: nobody logs in
  Pop3Desk pop3;       ///< without plaintext_without_tls, which depends on the peer
  protocol::imap::ServerOptions imap;
  std::vector<std::shared_ptr<const wire::tls::ServerOptions>> tls;  ///< as all_services()
};

}  // namespace angarium::agent
