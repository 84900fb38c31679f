// Accepting connections.
#pragma once

#include <functional>
#include <memory>

#include "io/stream.h"

namespace angarium::io {

/// Waits for connections on one endpoint; belongs to the loop that first waits on it. One task accepts, and ends before
/// the listener does.
class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  /// A UNIX socket's path is removed.
  virtual ~Listener() = default;

  /// The next connection. It belongs to no loop yet: hand it to one of Loops. kCancelled after close(). What fails for
  /// one connection only is passed over; when descriptors run out, see ListenOptions::when_exhausted.
  virtual Task<Result<std::unique_ptr<Stream>>> accept() = 0;
  /// Where it listens; with the port that was chosen when port 0 was asked for.
  [[nodiscard]] virtual const Endpoint& local() const = 0;
  /// Stops accepting; accept() ends with kCancelled.
  virtual void close() = 0;
};

struct ListenOptions {
  int backlog = 4096;
  /// Several listeners on the same endpoint share its connections.
  bool reuse_port = false;
  /// Permissions of a UNIX socket's path.
  unsigned unix_mode = 0666;
  /// Called with a connection that there is no descriptor to keep for: it may try_write a refusal; the connection is
  /// closed afterwards. A descriptor is held in reserve for it; should that be taken too, accepting rests for 100 ms.
  std::function<void(Stream&)> when_exhausted;
};

/// IPv6 sockets take IPv4 as well when bound to [::]. A UNIX path that nobody answers on is taken over.
Result<std::unique_ptr<Listener>> listen(const Endpoint& at, ListenOptions options = {});
/// A socket that listens already, as from socket activation. Owns it.
Result<std::unique_ptr<Listener>> adopt_listener(int descriptor, ListenOptions options = {});

}  // namespace angarium::io
