#include "cage/socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

namespace angarium::cage {
namespace {

int milliseconds_until(Moment deadline) {
  const std::int64_t left = (deadline - system_clock().now()).count();
  return static_cast<int>(std::clamp<std::int64_t>((left + 999) / 1000, 0, INT_MAX));
}

/// False: not before the deadline.
bool wait_for(const Descriptor& socket, short events, Moment deadline) {
  while (true) {
    pollfd one{.fd = socket.get(), .events = events, .revents = 0};
    const int left = milliseconds_until(deadline);
    const int ready = ::poll(&one, 1, left);
    if (ready > 0) return true;
    if (left == 0) return false;
  }
}

std::unexpected<Error> unavailable(std::string_view what) {
  return fail(kUnavailable, "the steward " + std::string(what));
}

/// Room for one descriptor, rightly aligned.
union Control {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int))> octets;
};

Written write_all(const Descriptor& socket, std::string_view octets, Moment deadline) {
  while (!octets.empty()) {
    const ssize_t count = ::send(socket.get(), octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      octets.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      if (!wait_for(socket, POLLOUT, deadline)) return Written::too_late;
    } else if (errno != EINTR) {
      return Written::no_reader;
    }
  }
  return Written::whole;
}

Result<> read_all(const Descriptor& socket, char* octets, std::size_t size, Moment deadline) {
  while (size > 0) {
    const ssize_t count = ::recv(socket.get(), octets, size, MSG_DONTWAIT);
    if (count > 0) {
      octets += count;
      size -= static_cast<std::size_t>(count);
    } else if (count == 0) {
      return unavailable("ended before it had answered");
    } else if (errno == EAGAIN) {
      if (!wait_for(socket, POLLIN, deadline)) return unavailable("does not answer");
    } else if (errno != EINTR) {
      return unavailable("ended before it had answered");
    }
  }
  return {};
}

}  // namespace

Result<std::pair<Descriptor, Descriptor>> socket_pair(SocketKind kind) {
  std::array<int, 2> ends{};
  const int type = kind == SocketKind::packets ? SOCK_SEQPACKET : SOCK_STREAM;
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(kUnavailable, "cannot make sockets for the steward: " + std::string(strerrordesc_np(errno)));
  return std::pair(Descriptor(ends[0]), Descriptor(ends[1]));
}

Result<> send_packet(const Descriptor& channel, std::string& octets, const Descriptor& with, Moment deadline) {
  Control control{};
  iovec part{.iov_base = octets.data(), .iov_len = octets.size()};
  msghdr packet{};
  packet.msg_iov = &part;
  packet.msg_iovlen = 1;
  packet.msg_control = control.octets.data();
  packet.msg_controllen = control.octets.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&packet);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int descriptor = with.get();
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  while (::sendmsg(channel.get(), &packet, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno == EINTR) continue;
    // ETOOMANYREFS: more descriptors of this process are under way than it may have open.
    if (errno != EAGAIN) return unavailable(errno == EPIPE ? "has ended" : "takes no request");
    if (!wait_for(channel, POLLOUT, deadline)) return unavailable("takes no request");
  }
  return {};
}

std::optional<Packet> receive_packet(const Descriptor& channel, std::size_t max, Duration wait) {
  Packet packet;
  if (!wait_for(channel, POLLIN, system_clock().now() + wait)) return packet;
  packet.octets.resize(max);
  Control control{};
  iovec part{.iov_base = packet.octets.data(), .iov_len = packet.octets.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.octets.data();
  message.msg_controllen = control.octets.size();
  const ssize_t count = ::recvmsg(channel.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  const int error = errno;
  packet.octets.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  if (count == 0) return std::nullopt;
  if (count < 0) return error == EAGAIN || error == EINTR ? std::optional(std::move(packet)) : std::nullopt;
  if (const cmsghdr* const header = CMSG_FIRSTHDR(&message); header != nullptr && header->cmsg_level == SOL_SOCKET &&
                                                             header->cmsg_type == SCM_RIGHTS &&
                                                             header->cmsg_len == CMSG_LEN(sizeof(int))) {
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    packet.with = Descriptor(descriptor);
  }
  if (packet.with.get() < 0 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return Packet{};
  return packet;
}

Written write_frame(const Descriptor& socket, std::string_view octets, Moment deadline) {
  std::string length;
  for (unsigned shift = 0; shift < 32; shift += 8) length += static_cast<char>(octets.size() >> shift & 0xffU);
  if (const Written written = write_all(socket, length, deadline); written != Written::whole) return written;
  return write_all(socket, octets, deadline);
}

Result<std::string> read_frame(const Descriptor& socket, std::size_t max, Moment deadline) {
  std::array<char, 4> length{};
  TRY(read_all(socket, length.data(), length.size(), deadline));
  std::size_t size = 0;
  for (std::size_t i = 4; i-- > 0;) size = size << 8U | static_cast<unsigned char>(length[i]);
  if (size > max) return unavailable("speaks of more than may be");
  std::string octets(size, '\0');
  TRY(read_all(socket, octets.data(), size, deadline));
  return octets;
}

}  // namespace angarium::cage
