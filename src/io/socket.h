// What the bodies on real sockets share; only io's own .cpp files include it.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <netinet/in.h>

#include <memory>
#include <utility>

#include "base/descriptor.h"
#include "io/address.h"
#include "io/stream.h"
#include "io/waits.h"

namespace angarium::io {

using angarium::Descriptor;

/// A sockaddr of any family that Endpoint knows.
struct SocketAddress {
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un unix_path;
  };
  socklen_t size = sizeof(sockaddr_un);

  SocketAddress() : unix_path{} {}
  explicit SocketAddress(const Endpoint& endpoint);
  [[nodiscard]] Endpoint endpoint() const;
};

/// The name of the socket's own end.
Endpoint local_name(int descriptor);

/// What is written goes out at once (TCP_NODELAY). Accepted sockets have it from their listener (Linux, tcp(7)).
void send_without_delay(int descriptor);

/// A connected, non-blocking socket.
class SocketStream final : public Stream, Watch {
 public:
  enum class State { connected, connecting };
  SocketStream(Descriptor descriptor, Endpoint peer, State state);
  /// Accepted: it has its listener's options.
  SocketStream(Descriptor accepted, Endpoint peer, Endpoint local);
  ~SocketStream() override;

  Result<std::size_t> try_read(std::span<char> room) override;
  Result<std::size_t> try_write(std::span<const std::string_view> pieces) override;
  void set_deadline(Moment deadline) override { waits_.set_deadline(deadline); }
  Result<void> shutdown_write() override;
  void close() override;
  [[nodiscard]] const Endpoint& peer() const override { return peer_; }
  [[nodiscard]] const Endpoint& local() const override { return local_; }
  bool start_wait(StreamWait& wait) override;
  void stop_wait(StreamWait& wait) noexcept override { waits_.stop(wait); }

  [[nodiscard]] std::optional<unsigned> peer_uid() const override;

  [[nodiscard]] int descriptor() const override { return descriptor_.get(); }

 private:
  void ready(Readiness readiness) override;

  Descriptor descriptor_;
  Loop* loop_ = nullptr;  ///< since the first wait
  Waits waits_;
  bool readable_ = true;  ///< there may be something to read: false only when the kernel will report a new edge
  bool writable_;
  bool hung_up_ = false;  ///< the kernel reported the end; no further edge comes for it
  Endpoint peer_;
  Endpoint local_;
};

}  // namespace angarium::io
