// Connections that speak TLS, at once or when the protocol asks.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "wire/connection/connection.h"
#include "wire/tls/context.h"

namespace angarium::wire::tls {

struct ServerOptions {
  std::shared_ptr<ServerContext> context;
  /// Spoken here, by ALPN names (RFC 7301), best first. A client that names others only is refused with
  /// no_application_protocol; one that names none is served. Empty: ALPN is not looked at.
  std::vector<std::string> protocols;
  std::string listener;
  /// A handshake that takes longer ends with kTlsHandshake.
  Duration handshake_timeout = std::chrono::seconds(30);
};

enum class TlsVersion { tls12, tls13 };

struct ClientOptions {
  std::shared_ptr<ClientContext> context;
  /// The name the certificate must bear, and the one asked for by SNI; or an IP address, which is not asked for.
  std::string server_name;
  std::vector<std::string> protocols;
  /// For servers whose TLS 1.3 does not work.
  TlsVersion highest = TlsVersion::tls13;
  Duration handshake_timeout = std::chrono::seconds(30);
};

/// Plain until start_tls().
std::unique_ptr<Connection> server_connection(std::unique_ptr<io::Stream> stream,
                                              std::shared_ptr<const ServerOptions> options);
std::unique_ptr<Connection> client_connection(std::unique_ptr<io::Stream> stream,
                                              std::shared_ptr<const ClientOptions> options);

/// TLS from the first octet on (RFC 8314).
io::Task<Result<std::unique_ptr<Connection>>> accept(std::unique_ptr<io::Stream> stream,
                                                     std::shared_ptr<const ServerOptions> options);
io::Task<Result<std::unique_ptr<Connection>>> connect(std::unique_ptr<io::Stream> stream,
                                                      std::shared_ptr<const ClientOptions> options);

}  // namespace angarium::wire::tls
