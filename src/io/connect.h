// Opening connections.
#pragma once

#include <memory>
#include <optional>

#include "io/stream.h"

namespace angarium::io {

struct ConnectOptions {
  Duration timeout = std::chrono::seconds(30);
  /// The address to connect from.
  std::optional<IpAddress> from;
};

/// TCP (with TCP_NODELAY) or a UNIX socket. kRefused, kUnreachable, kTimedOut, kNoDescriptors.
Task<Result<std::unique_ptr<Stream>>> connect(Endpoint to, ConnectOptions options = {});

/// A connected socket, as one end of a socketpair(2). Owns it and makes it non-blocking.
std::unique_ptr<Stream> adopt_stream(int descriptor);

}  // namespace angarium::io
