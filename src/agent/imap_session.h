// One IMAP session over the house: who comes, and how it ends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "account/types.h"
#include "agent/imap_login.h"
#include "protocol/imap/server.h"

namespace angarium::agent {

/// Whose mailbox a user of this host opens, found after the mark of Logins::now().
struct HostUser {
  account::Account account;
  std::uint64_t since = 0;
};

/// On the connection's loop.
class ImapSession {
 public:
  /// All outlive it; `configuration` and `options` are those that this session began with.
  ImapSession(Services& services, Budget& budget, Owners& owners, const configuration::Configuration& configuration,
              const protocol::imap::ServerOptions& options, wire::Connection& connection);

  /// To the end, once. `known`: who has come without a login (PREAUTH).
  io::Task<> run(std::optional<HostUser> known = {});
  /// With BYE as soon as the command at work is answered; at once for who waits for boxes to be looked at.
  void stop();

 private:
  wire::Connection& connection_;
  ImapAuthenticator authenticator_;
  protocol::imap::Server server_;
};

}  // namespace angarium::agent
