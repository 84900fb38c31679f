#include "io/listener.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "io/socket.h"

namespace angarium::io {
namespace {

/// How long accepting rests when not even a refusal is possible: long enough to cost nothing.
constexpr Duration kRest = std::chrono::milliseconds(100);
/// Connections accepted in a row before others on the loop go on.
constexpr unsigned kRow = 16;

class SocketListener final : public Listener, Watch {
 public:
  SocketListener(Descriptor descriptor, ListenOptions options)
      : descriptor_(std::move(descriptor)),
        reserve_(open_reserve()),
        options_(std::move(options)),
        local_(local_name(descriptor_.get())) {
    if (local_.is_ip()) send_without_delay(descriptor_.get());
  }

  ~SocketListener() override {
    SocketListener::close();
    if (owns_path_ && !local_.is_ip()) ::unlink(local_.path().c_str());
  }

  void own_path() { owns_path_ = true; }

  Task<Result<std::unique_ptr<Stream>>> accept() override {
    CO_TRY(attach());
    if (++row_ % kRow == 0) co_await loop_->yield();
    while (!closed_) {
      SocketAddress peer;
      Descriptor accepted(::accept4(descriptor_.get(), &peer.any, &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (accepted) {
        if (!reserve_) reserve_ = open_reserve();
        co_return take(std::move(accepted), peer);
      }
      switch (errno) {
        case EAGAIN: co_await acceptable_->wait(); break;
        case EMFILE:
        case ENFILE: co_await refuse_one(); break;
        case ENOBUFS:
        case ENOMEM: co_await loop_->sleep_for(kRest); break;
        case EBADF:
        case EINVAL:
        case ENOTSOCK:
        case EOPNOTSUPP: co_return std::unexpected(system_error(errno, "accept"));
        default: break;  // an error of that one connection, accept(2)
      }
    }
    co_return fail(kCancelled, "closed");
  }

  [[nodiscard]] const Endpoint& local() const override { return local_; }

  void close() override {
    if (std::exchange(closed_, true)) return;
    if (loop_) loop_->unwatch(*this);
    Descriptor closing = std::move(descriptor_);
    if (acceptable_) acceptable_->set();
  }

  [[nodiscard]] int descriptor() const override { return descriptor_.get(); }

 private:
  /// The kernel is asked for the near end's name only where a listener takes connections to any address.
  std::unique_ptr<SocketStream> take(Descriptor accepted, const SocketAddress& peer) const {
    const bool any_address = local_.is_ip() && local_.address().is_unspecified();
    Endpoint local = any_address ? local_name(accepted.get()) : local_;
    return std::make_unique<SocketStream>(std::move(accepted), peer.endpoint(), std::move(local));
  }

  static Descriptor open_reserve() { return Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

  void ready([[maybe_unused]] Readiness readiness) override { acceptable_->set(); }

  Result<void> attach() {
    if (loop_ || closed_) return {};
    auto& loop = Loop::current();
    acceptable_.emplace(loop);
    TRY(loop.watch(*this));
    loop_ = &loop;
    return {};
  }

  /// Spends the reserve on the first connection in line, so that its peer hears why, and takes it back.
  Task<> refuse_one() {
    if (!reserve_) reserve_ = open_reserve();
    if (!reserve_) {
      co_await loop_->sleep_for(kRest);
      co_return;
    }
    {
      Descriptor spent = std::move(reserve_);
    }
    SocketAddress peer;
    Descriptor accepted(::accept4(descriptor_.get(), &peer.any, &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted) {
      auto refused = take(std::move(accepted), peer);
      if (options_.when_exhausted) options_.when_exhausted(*refused);
    }
    const bool nobody = !accepted && (errno == EAGAIN || errno == EWOULDBLOCK);
    reserve_ = open_reserve();
    // Without descriptors accept(2) fails before it looks whether anybody is there: asking again would never rest.
    if (nobody) {
      co_await acceptable_->wait();
    } else {
      co_await loop_->yield();
    }
  }

  Descriptor descriptor_;
  Descriptor reserve_;
  ListenOptions options_;
  Endpoint local_;
  Loop* loop_ = nullptr;
  std::optional<Event> acceptable_;
  unsigned row_ = 0;
  bool closed_ = false;
  bool owns_path_ = false;
};

Result<Descriptor> open_socket(int family) {
  Descriptor descriptor(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!descriptor) return std::unexpected(system_error(errno, "socket"));
  return descriptor;
}

void switch_option(const Descriptor& descriptor, int level, int name, int value) {
  ::setsockopt(descriptor.get(), level, name, &value, sizeof value);
}

/// A path is left behind by a process that was killed: nobody answers on it.
void remove_dead_path(const SocketAddress& address) {
  auto probe = open_socket(AF_UNIX);
  if (probe && ::connect(probe->get(), &address.any, address.size) != 0 && errno == ECONNREFUSED)
    ::unlink(address.unix_path.sun_path);
}

Result<Descriptor> bind_to(const Endpoint& at, const ListenOptions& options) {
  SocketAddress address(at);
  auto descriptor = TRY(open_socket(address.any.sa_family));
  if (at.is_ip()) {
    switch_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
    if (options.reuse_port) switch_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
    if (at.address().family() == IpAddress::Family::v6)
      switch_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, at.address().is_unspecified() ? 0 : 1);
  } else {
    remove_dead_path(address);
  }
  if (::bind(descriptor.get(), &address.any, address.size) != 0)
    return std::unexpected(system_error(errno, "bind " + at.text()));
  // Before listen: nobody can connect yet. Not through a link that took the path's place: the directory may be
  // another's.
  if (!at.is_ip() && ::fchmodat(AT_FDCWD, at.path().c_str(), options.unix_mode, AT_SYMLINK_NOFOLLOW) != 0)
    return std::unexpected(system_error(errno, "give its mode to " + at.text()));
  return descriptor;
}

}  // namespace

Result<std::unique_ptr<Listener>> listen(const Endpoint& at, ListenOptions options) {
  auto bound = bind_to(at, options);
  if (!bound && at.is_ip() && at.address() == IpAddress::v6({}) && !bound.error().is(kAddressInUse))
    bound = bind_to(Endpoint(IpAddress(), at.port()), options);  // a host without IPv6
  if (!bound) return std::unexpected(std::move(bound).error());
  if (::listen(bound->get(), options.backlog) != 0) return std::unexpected(system_error(errno, "listen " + at.text()));
  auto listener = std::make_unique<SocketListener>(*std::move(bound), std::move(options));
  listener->own_path();
  return listener;
}

Result<std::unique_ptr<Listener>> adopt_listener(int descriptor, ListenOptions options) {
  Descriptor owned(descriptor);
  int accepting = 0;
  socklen_t size = sizeof accepting;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &size) != 0)
    return std::unexpected(system_error(errno, "adopt"));
  if (!accepting) return fail(kSystem, "adopt: the socket does not listen");
  ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  return std::make_unique<SocketListener>(std::move(owned), std::move(options));
}

}  // namespace angarium::io
