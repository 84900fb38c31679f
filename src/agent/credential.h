// Who is at the other end of a connection: the site's answers to SASL exchanges, the same for every protocol.
#pragma once

#include <optional>
#include <string>

#include "account/types.h"
#include "agent/services.h"
#include "io/address.h"
#include "sasl/scram.h"
#include "sasl/server.h"

namespace angarium::agent {

/// One connection's counterpart for authentication. Failed attempts are counted against the peer's address, but not
/// against this host itself, whose front ends speak for many. One call at a time.
class CredentialDesk {
 public:
  CredentialDesk(Services& services, const io::Endpoint& peer);

  /// The site's part of an exchange's context.
  [[nodiscard]] sasl::ServerContext context() const;
  /// As sasl::ServerExchange asks (server.h).
  io::Task<Result<>> verify_password(const sasl::Identity& identity, const sasl::Secret& password);
  io::Task<Result<>> verify_authority(const sasl::Identity& identity);
  io::Task<Result<std::optional<sasl::ScramCredentials>>> scram_keys(const sasl::Identity& identity, sasl::Hash hash);
  /// The session refused a login: counts as a failed attempt unless verify_password() has just counted it.
  void refused();
  /// A failed attempt that no call here has refused (a wrong SCRAM proof).
  void failed();
  /// The account of who has proved to be `identity`; without a look-up when verify_password() has just found it.
  io::Task<Result<account::Account>> account(const sasl::Identity& identity);

  /// Whether a password may cross the connection as it is.
  [[nodiscard]] static bool plaintext_allowed(const configuration::Configuration& configuration,
                                              const io::Endpoint& peer, bool encrypted);

 private:
  Services& services_;
  std::string peer_;
  std::optional<account::Account> verified_;
  std::string verified_name_;  ///< as its owner wrote it: users of the host need no domain
  bool counted_ = false;       ///< the verifier has counted the attempt that is being refused
};

}  // namespace angarium::agent
