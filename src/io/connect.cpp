#include "io/connect.h"

#include <fcntl.h>

#include <cerrno>

#include "io/socket.h"

namespace angarium::io {
namespace {

/// A UNIX listener whose backlog is full cannot be waited for (connect(2), EAGAIN): it is asked again so often.
constexpr Duration kAgain = std::chrono::milliseconds(10);

Result<Descriptor> open_from(const Endpoint& to, const ConnectOptions& options) {
  SocketAddress address(to);
  Descriptor descriptor(::socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!descriptor) return std::unexpected(system_error(errno, "socket"));
  if (!options.from || !to.is_ip()) return descriptor;
  SocketAddress from(Endpoint(*options.from, 0));
  if (::bind(descriptor.get(), &from.any, from.size) != 0)
    return std::unexpected(system_error(errno, "bind " + options.from->text()));
  return descriptor;
}

Result<void> outcome(const SocketStream& stream, const Endpoint& to) {
  int number = 0;
  socklen_t size = sizeof number;
  ::getsockopt(stream.descriptor(), SOL_SOCKET, SO_ERROR, &number, &size);
  if (number != 0) return std::unexpected(system_error(number, "connect " + to.text()));
  return {};
}

}  // namespace

Task<Result<std::unique_ptr<Stream>>> connect(Endpoint to, ConnectOptions options) {
  auto& loop = Loop::current();
  auto deadline = loop.now() + options.timeout;
  auto descriptor = CO_TRY(open_from(to, options));
  SocketAddress address(to);
  while (::connect(descriptor.get(), &address.any, address.size) != 0) {
    if (errno == EINPROGRESS) {
      auto stream = std::make_unique<SocketStream>(std::move(descriptor), to, SocketStream::State::connecting);
      stream->set_deadline(deadline);
      CO_TRY(co_await stream->writable());
      CO_TRY(outcome(*stream, to));
      stream->set_deadline(Moment::never());
      co_return stream;
    }
    if (errno != EAGAIN && errno != EINTR) co_return std::unexpected(system_error(errno, "connect " + to.text()));
    if (loop.now() >= deadline) co_return fail(kTimedOut, "connect " + to.text());
    co_await loop.sleep_for(kAgain);
  }
  co_return std::make_unique<SocketStream>(std::move(descriptor), to, SocketStream::State::connected);
}

std::unique_ptr<Stream> adopt_stream(int descriptor) {
  Descriptor owned(descriptor);
  ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  return std::make_unique<SocketStream>(std::move(owned), Endpoint::unix_path(""), SocketStream::State::connected);
}

}  // namespace angarium::io
