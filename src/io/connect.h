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

/// The uid of the process at the other end of a UNIX socket's stream (SO_PEERCRED); none for other streams.
std::optional<unsigned> peer_uid(const Stream& stream);

}  // namespace angarium::io
