// What a server opens before it gives up root: its certificates, and its listeners with the loops they belong to.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "configuration/configuration.h"
#include "io/listener.h"
#include "io/loop.h"
#include "wire/tls/certificate.h"
#include "wire/tls/context.h"

namespace angarium::agent {

enum class Tls { none, starttls, implicit };

/// What a protocol name of the configuration stands for.
struct Service {
  std::string_view name;
  enum class Kind { smtp, submission, odmr, lmtp, pop3, imap, metrics } kind;
  Tls tls;
  std::string_view alpn;      // RFC 7301; empty: none is registered
  std::string_view too_many;  // said to who is turned away at the door
};
/// Every service there is.
std::span<const Service> all_services();

/// What is said to who is one connection too many; empty where nothing can be said.
std::string too_many(const Service& service, const std::string& hostname);

/// The certificates of the configuration, the host's own first.
Result<std::vector<wire::tls::Identity>> read_identities(const configuration::Configuration& configuration);
/// Who vouches for users' certificates, as PEM; empty: nobody is asked for one.
Result<std::string> read_client_authorities(const configuration::Configuration& configuration);

struct Doors {
  struct Bound {
    std::size_t loop;
    std::shared_ptr<io::Listener> listener;
    const Service* service;  ///< null: the control socket
  };

  /// Reads certificates and keys, binds all listeners of the configuration, or adopts passed sockets that are bound to
  /// their addresses. Starts no thread and accepts nothing. A passed socket that no listener names is logged.
  static Result<Doors> open(const configuration::Configuration& configuration, const std::vector<int>& passed_sockets);

  std::unique_ptr<io::Loops> loops;               ///< not started
  std::shared_ptr<wire::tls::ServerContext> tls;  ///< null: no certificate is configured
  std::vector<Bound> listeners;
  std::vector<std::string> lines;  ///< one a listener: "smtp 127.0.0.1:10025"
};

}  // namespace angarium::agent
