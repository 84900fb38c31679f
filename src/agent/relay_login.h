// Names and passwords for relays: read from files, given to nobody but the relay, and what became of them.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "configuration/configuration.h"
#include "io/fair_pool.h"
#include "io/task.h"
#include "sasl/client.h"
#include "sasl/secret.h"

namespace angarium::agent {

/// A password file that cannot be used; the text says why and what to do, and never holds the password.
inline constexpr ErrorKind kBadPasswordFile{"agent.bad-password-file", Fault::user, Lasting::permanent};
/// The relay does not take our name and password, or hangs up at them: the operator has to act, and the mail waits (RFC
/// 4954 §6: 535).
inline constexpr ErrorKind kLoginRefused{"agent.login-refused", Fault::user, Lasting::temporary};

/// Octets of a password, as the mechanisms take it.
inline constexpr std::size_t kPasswordMax = 1024;
/// Of an access token, as its mechanisms take it.
inline constexpr std::size_t kTokenMax = 8192;

struct RelayLogin {
  std::string user;
  sasl::Needs has = sasl::Needs::password;
  sasl::Secret password{};  ///< Needs::password
  std::string place{};      ///< of the token's file, or of the tickets
  /// Mechanisms by which who listens can guess the password will do.
  bool weak = false;
  /// What a security layer has to do at least where there is no TLS; none: it is used under TLS only.
  sasl::Protection layer = sasl::Protection::none;
};

/// By the name that transports use.
using RelayLogins = std::map<std::string, RelayLogin>;

/// The only line of a file that nobody but its owner may read or write, without its line end. kBadPasswordFile.
Result<sasl::Secret> read_password_file(const std::string& path, std::size_t octets_max = kPasswordMax);
/// A ticket of `principal` in the cache, for the service and host of `context`, that may be bound to its connection and
/// protect as much as it allows; `party` of the pool's waits for the realm, maybe long. sasl::kUnavailable: there is
/// none, or none now.
io::Task<Result<std::unique_ptr<sasl::GssContext>>> get_ticket(io::FairPool& pool, std::string party, std::string cache,
                                                               std::string principal,
                                                               const sasl::ClientContext& context);
/// Puts into `context` what `login` has, for the server and the connection that the context tells of: a token is read
/// from its file, a ticket got, on `pool`. Errors are temporary: the file or the tickets may be there again later.
io::Task<Result<>> furnish(io::FairPool& pool, const RelayLogin& login, sasl::ClientContext& context);
/// All of the configuration; the first file that is unfit is the error.
Result<RelayLogins> read_relay_logins(const configuration::Configuration& configuration);

/// Logins that relays refused lately, so that a wrong password is not tried for every message, and the postmaster hears
/// of it once a day. Any thread. A reload makes a new one: the password may be another.
class RefusedLogins {
 public:
  static constexpr Duration kPause = std::chrono::minutes(5);
  static constexpr Duration kTold = std::chrono::hours(24);

  /// The relay's words, if this login was refused there less than kPause ago.
  std::optional<std::string> refused(const std::string& login, const std::string& relay, Moment now);
  void add(const std::string& login, const std::string& relay, std::string words, Moment now);
  void taken(const std::string& login, const std::string& relay);
  /// True once in kTold for each login and relay: the caller tells.
  bool is_news(const std::string& login, const std::string& relay, Moment now);

 private:
  struct Known {
    std::string words;
    std::optional<Moment> refused;
    std::optional<Moment> told;
  };
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, Known> known_;  ///< as many as the configuration has
};

}  // namespace angarium::agent
