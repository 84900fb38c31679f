// Tickets of Kerberos, by the keytab of the configuration: who logs in by one.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "account/tickets.h"
#include "configuration/configuration.h"
#include "io/pool.h"
#include "kerberos/kerberos.h"

namespace angarium::agent {

/// Tickets that are looked at at one time, and those that wait: each reads the keytab and writes the replay cache.
inline constexpr std::size_t kTicketThreads = 4;
inline constexpr std::size_t kTicketsWaiting = 256;

/// Any thread. Outlives the verifier that asks it, or ends after it is asked no more.
class Tickets final : public account::TicketVerifier {
 public:
  /// From now on this keytab and these realms; the keytab is opened at each login.
  void use(const configuration::Configuration& configuration);
  /// The same; `make` gives contexts for a service: for tests.
  using Make = std::function<std::unique_ptr<kerberos::Context>(const std::string& service)>;
  void use(const std::vector<configuration::KerberosRealm>& realms, Make make);
  /// None is taken any more; those under way are waited for.
  void end();

  io::Task<Result<sasl::GssAnswer>> accept(sasl::GssWanted wanted) override;

 private:
  struct Site {
    Make make;
    std::map<std::string, std::string, std::less<>> domains;  ///< by realm
  };
  static Result<std::string> owner(const Site& site, const kerberos::Context& context);

  std::mutex mutex_;                  // of all that follows but the pool's work
  std::shared_ptr<const Site> site_;  // shared with what is under way; null: no tickets
  std::unique_ptr<io::Pool> pool_;    // made with the first site, and kept
};

}  // namespace angarium::agent
