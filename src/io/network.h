// The port through which connections are opened, so that whoever opens them runs in tests and simulations. Bodies:
// socket_network() and memory_network.h.
#pragma once

#include <memory>

#include "io/connect.h"

namespace angarium::io {

/// Safe to use from every loop, unless a body says otherwise.
class Network {
 public:
  Network() = default;
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  virtual ~Network() = default;

  /// As connect() of connect.h: TCP or a UNIX socket; kRefused, kUnreachable, kTimedOut, kNoDescriptors. Destroying the
  /// task gives the attempt up. The network outlives the task, not the stream.
  virtual Task<Result<std::unique_ptr<Stream>>> connect(Endpoint to, ConnectOptions options) = 0;
  Task<Result<std::unique_ptr<Stream>>> connect(Endpoint to) { return connect(std::move(to), {}); }
};

/// The sockets of this host.
std::unique_ptr<Network> socket_network();

}  // namespace angarium::io
