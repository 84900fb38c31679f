// The long-lived half of TLS: certificates, trust, tickets. Made once, shared by all connections of all loops.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "wire/tls/certificate.h"

namespace angarium::wire::tls {

/// The server's side. TLS 1.2 and 1.3, forward secrecy and AEAD only, no renegotiation, no compression. A client is
/// shown the identities whose certificate has the name it asks for (RFC 6066 §3), exactly or by a wildcard; otherwise
/// those of the first. Several identities of one name (ECDSA and RSA) are chosen among by the client's algorithms.
/// Session tickets (RFC 5077, RFC 8446 §4.6.1) are sealed with keys that live in memory only and change twice a day.
/// Thread-safe.
class ServerContext {
 public:
  static constexpr Duration kTicketKeyLife = std::chrono::hours(12);  ///< then it only opens tickets, for as long again

  /// At least one identity. `client_authorities` (PEM): clients are asked for a certificate, and TlsInfo::peer_verified
  /// says whether one of these vouches for it; none, or a bad one, ends no handshake.
  static Result<std::shared_ptr<ServerContext>> make(std::vector<Identity> identities,
                                                     const Clock& clock = system_clock(),
                                                     Random& random = system_random(),
                                                     std::string_view client_authorities = {});
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;
  ~ServerContext();

  /// New handshakes use these identities; connections go on. On an error everything stays as it was.
  Result<void> reload(std::vector<Identity> identities, std::string_view client_authorities = {});

  /// Whether a certificate bears the name, exactly or by a wildcard (RFC 9525 §6.3).
  [[nodiscard]] bool bears(std::string_view name) const;

  struct Body;
  [[nodiscard]] Body& body() const { return *body_; }

 private:
  explicit ServerContext(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

/// What a client demands of the server's certificate.
enum class Verification {
  none,           ///< not even looked at
  opportunistic,  ///< looked at and told in TlsInfo::peer_verified, never refused (RFC 7435)
  webpki,         ///< must be vouched for by a trusted authority and bear the server's name (RFC 9525)
};

/// The client's side. Thread-safe.
class ClientContext {
 public:
  /// Trusts the authorities of `authorities_pem`, or those of the system when it is empty.
  static Result<std::shared_ptr<ClientContext>> make(Verification verification, std::string_view authorities_pem = {});
  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;
  ~ClientContext();

  struct Body;
  [[nodiscard]] const Body& body() const { return *body_; }

 private:
  explicit ClientContext(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

}  // namespace angarium::wire::tls
