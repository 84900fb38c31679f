// The way from a command to a server elsewhere: found, reached, encrypted and known before anything is told to it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/network.h"
#include "io/race.h"
#include "io/task.h"
#include "wire/connection/connection.h"

namespace angarium::wire::tls {

/// The server is not the one that was meant, as far as its certificate tells, or may not be told a secret.
inline constexpr ErrorKind kStranger{"tls.stranger", Fault::user, Lasting::permanent};

struct Way {
  enum class Tls : std::uint8_t {
    implicit,  ///< from the first octet on
    starttls,  ///< the protocol has to ask for it
    none,
  };
  std::string host;
  std::uint16_t port = 0;
  Tls tls = Tls::implicit;
  Duration timeout = io::RaceOptions{}.timeout;  ///< of the connection
};

/// "imap.example.org:993", for people.
std::string place_of(const Way& way);

/// A connection on which nothing was said yet, by the host's own look-ups: for commands, which run without the server's
/// resolver. Without TLS only to this host (kStranger). No certificate is judged: check_peer() does. io::kNoHost,
/// io::kUnreachable, wire::kTlsHandshake. The network outlives the task.
io::Task<Result<std::unique_ptr<Connection>>> dial(io::Network& network, Way way);

/// Whether the server is the one that is meant, once TLS is on and before anything is said that is secret: by its key
/// (TlsInfo::peer_key) where one is named, else by its certificate. `say_by` tells where to name one. kStranger.
Result<> check_peer(const Connection& connection, const Way& way, std::string_view key, std::string_view say_by);

}  // namespace angarium::wire::tls
