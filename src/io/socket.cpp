#include "io/socket.h"

#include <netinet/tcp.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace angarium::io {

SocketAddress::SocketAddress(const Endpoint& endpoint) : unix_path{} {
  if (!endpoint.is_ip()) {
    unix_path.sun_family = AF_UNIX;
    auto length = std::min(endpoint.path().size(), sizeof unix_path.sun_path - 1);
    std::memcpy(unix_path.sun_path, endpoint.path().data(), length);
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length + 1);
  } else if (endpoint.address().family() == IpAddress::Family::v4) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port());
    std::memcpy(&v4.sin_addr, endpoint.address().octets().data(), 4);
    size = sizeof v4;
  } else {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port());
    v6.sin6_scope_id = endpoint.address().scope();
    std::memcpy(&v6.sin6_addr, endpoint.address().octets().data(), 16);
    size = sizeof v6;
  }
}

Endpoint SocketAddress::endpoint() const {
  if (any.sa_family == AF_INET)
    return {IpAddress::v4(std::bit_cast<std::array<std::uint8_t, 4>>(v4.sin_addr)), ntohs(v4.sin_port)};
  if (any.sa_family == AF_INET6)
    return {IpAddress::v6(std::bit_cast<std::array<std::uint8_t, 16>>(v6.sin6_addr), v6.sin6_scope_id),
            ntohs(v6.sin6_port)};
  constexpr auto kHead = offsetof(sockaddr_un, sun_path);
  if (any.sa_family != AF_UNIX || size <= kHead) return {};
  auto length = std::min<std::size_t>(size - kHead, sizeof unix_path.sun_path);
  return Endpoint::unix_path(std::string(unix_path.sun_path, strnlen(unix_path.sun_path, length)));
}

Endpoint local_name(int descriptor) {
  SocketAddress name;
  if (::getsockname(descriptor, &name.any, &name.size) != 0) return {};
  return name.endpoint();
}

void send_without_delay(int descriptor) {
  int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

SocketStream::SocketStream(Descriptor descriptor, Endpoint peer, State state)
    : descriptor_(std::move(descriptor)),
      writable_(state == State::connected),
      peer_(std::move(peer)),
      local_(local_name(descriptor_.get())) {
  if (local_.is_ip()) send_without_delay(descriptor_.get());
}

SocketStream::SocketStream(Descriptor accepted, Endpoint peer, Endpoint local)
    : descriptor_(std::move(accepted)), writable_(true), peer_(std::move(peer)), local_(std::move(local)) {}

SocketStream::~SocketStream() { SocketStream::close(); }

Result<std::size_t> SocketStream::try_read(std::span<char> room) {
  if (waits_.closed()) return fail(kCancelled, "closed");
  if (room.empty() || (loop_ && !readable_)) return 0;  // the kernel will tell: no need to ask
  ssize_t count = 0;
  do {
    count = ::recv(descriptor_.get(), room.data(), room.size(), MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count == 0) return fail(kEndOfStream, "end of stream");
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    readable_ = false;
    return 0;
  }
  if (count < 0) return std::unexpected(system_error(errno, "read"));
  // A short read emptied the socket, and what comes later makes a new edge (epoll(7), question 9); an end that was
  // reported already makes none.
  if (static_cast<std::size_t>(count) < room.size() && loop_ && !hung_up_) readable_ = false;
  return static_cast<std::size_t>(count);
}

Result<std::size_t> SocketStream::try_write(std::span<const std::string_view> pieces) {
  if (waits_.closed()) return fail(kCancelled, "closed");
  if (loop_ && !writable_) return 0;
  std::array<iovec, kMaxPieces> vector;
  auto used = std::min(pieces.size(), vector.size());
  std::size_t total = 0;
  for (std::size_t i = 0; i < used; ++i) {
    vector[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};  // tidy: iovec has no const
    total += pieces[i].size();
  }
  if (total == 0) return 0;
  msghdr message{};
  message.msg_iov = vector.data();
  message.msg_iovlen = used;
  ssize_t count = 0;
  do {
    count = used == 1 ? ::send(descriptor_.get(), vector[0].iov_base, total, MSG_DONTWAIT | MSG_NOSIGNAL)
                      : ::sendmsg(descriptor_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    writable_ = false;
    return 0;
  }
  if (count < 0) return std::unexpected(system_error(errno, "write"));
  if (static_cast<std::size_t>(count) < total && loop_ && !hung_up_) writable_ = false;
  return static_cast<std::size_t>(count);
}

Result<void> SocketStream::shutdown_write() {
  if (waits_.closed()) return fail(kCancelled, "closed");
  if (::shutdown(descriptor_.get(), SHUT_WR) != 0) return std::unexpected(system_error(errno, "shutdown"));
  return {};
}

void SocketStream::close() {
  if (waits_.closed()) return;
  if (loop_) loop_->unwatch(*this);
  waits_.close();
  Descriptor closing = std::move(descriptor_);
}

bool SocketStream::start_wait(StreamWait& wait) {
  if (!loop_ && !waits_.closed()) {
    auto& loop = Loop::current();
    if (!loop.watch(*this)) {
      wait.finish(&kNoDescriptors);
      return false;
    }
    loop_ = &loop;
  }
  return waits_.start(wait, *this, wait.direction() == Direction::input ? readable_ : writable_);
}

void SocketStream::ready(Readiness readiness) {
  hung_up_ = hung_up_ || readiness.hang_up;
  if (readiness.input) {
    readable_ = true;
    waits_.wake(Direction::input);
  }
  if (readiness.output) {
    writable_ = true;
    waits_.wake(Direction::output);
  }
}

std::optional<unsigned> SocketStream::peer_uid() const {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (local_.is_ip() || ::getsockopt(descriptor(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return std::nullopt;
  return credentials.uid;
}

}  // namespace angarium::io
