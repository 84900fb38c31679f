// A stream as protocols see it: it may become encrypted, and it knows its ends.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "io/stream.h"
#include "wire/framing/input.h"

namespace angarium::wire {

/// Nothing to start TLS with, or TLS is on already.
inline constexpr ErrorKind kNoTls{"wire.no-tls", Fault::user, Lasting::permanent};
/// The handshake failed; the connection is closed.
inline constexpr ErrorKind kTlsHandshake{"wire.tls-handshake", Fault::dependency, Lasting::permanent};
/// Channel binding of this type is not to be had here.
inline constexpr ErrorKind kNoChannelBinding{"wire.no-channel-binding", Fault::user, Lasting::permanent};

/// What is known of the encryption of a connection.
struct TlsInfo {
  std::string version;  ///< "TLSv1.3"
  std::string cipher;   ///< "TLS_AES_256_GCM_SHA384"
  unsigned cipher_bits = 0;
  std::string server_name;     ///< the name the client asked for (SNI), or none
  std::string protocol;        ///< agreed by ALPN, or none
  std::string peer_subject;    ///< of the peer's certificate, RFC 2253; empty without one
  bool peer_verified = false;  ///< the peer's certificate was checked and found right
  /// SHA-256 of the public key of the peer's certificate (its SubjectPublicKeyInfo), in hexadecimal; empty without one.
  std::string peer_key{};
  /// The first mail address in the peer's certificate; empty without one.
  std::string peer_mailbox{};
};

/// One connection of a protocol, server's or client's side, on one loop. Bodies: plain_connection(), the memory pair
/// below, and wire/tls.
class Connection : public io::Stream {
 public:
  /// Whether start_tls() may be called now: STARTTLS is announced only then.
  [[nodiscard]] virtual bool can_start_tls() const = 0;
  /// Begins TLS where the protocol agreed to; all output must have been sent. What `input` holds was sent before and is
  /// dropped: the result is the number of such octets (RFC 3207 §4.2). After an error the connection is closed.
  virtual io::Task<Result<std::size_t>> start_tls(Input& input) = 0;
  /// Null while nothing is encrypted.
  [[nodiscard]] virtual const TlsInfo* tls() const = 0;
  /// Data for "tls-exporter" (RFC 9266, TLS 1.3 only) or "tls-unique" (RFC 5929, TLS 1.2 with extended master secret
  /// only); kNoChannelBinding otherwise.
  [[nodiscard]] virtual Result<std::string> channel_binding(std::string_view type) const = 0;
  /// The name the configuration gives the listener it came in by; empty on clients.
  [[nodiscard]] virtual const std::string& listener() const = 0;
};

/// Never encrypted.
std::unique_ptr<Connection> plain_connection(std::unique_ptr<io::Stream> stream, std::string listener = {});

struct MemoryConnections {
  std::unique_ptr<Connection> client;
  std::unique_ptr<Connection> server;
};

struct MemoryConnectionOptions {
  io::Endpoint client;
  io::Endpoint server;
  std::string listener;
  std::size_t capacity = 256 * 1024;
  bool offers_tls = true;
  bool encrypted = false;  ///< from the start, as with implicit TLS
  TlsInfo tls{.version = "TLSv1.3",
              .cipher = "TLS_AES_256_GCM_SHA384",
              .cipher_bits = 256,
              .server_name = {},
              .protocol = {},
              .peer_subject = {},
              .peer_verified = false};
};

/// Two connected ends on the current loop whose TLS only pretends: start_tls() ends when both ends have called it and
/// drops what either had sent before; "tls-exporter" gives the same 32 octets at both.
MemoryConnections memory_connections(MemoryConnectionOptions options = {});

}  // namespace angarium::wire
