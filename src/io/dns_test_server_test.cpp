// The body of dns_test_server.h; its name keeps it out of the room's library.
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

#include "io/dns_test_server.h"

namespace angarium::io::dns_test {
namespace {

/// A socket bound to 127.0.0.1.
Descriptor bound(int type, std::uint16_t port) {
  Descriptor descriptor(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const SocketAddress at(Endpoint(*IpAddress::parse("127.0.0.1"), port));
  if (::bind(descriptor.get(), &at.any, at.size) != 0) return Descriptor();
  return descriptor;
}

bool read_whole(int descriptor, char* into, std::size_t count) {
  while (count > 0) {
    pollfd waiting{.fd = descriptor, .events = POLLIN};
    if (::poll(&waiting, 1, 5000) != 1) return false;
    const auto got = ::recv(descriptor, into, count, 0);
    if (got <= 0) return false;
    into += got;
    count -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

Server::Server(Script script) : script_(std::move(script)), end_(::eventfd(0, EFD_CLOEXEC)) {
  // The port that UDP got may be taken for TCP: then another.
  for (int attempt = 0; attempt < 50 && !tcp_; ++attempt) {
    udp_ = bound(SOCK_DGRAM, 0);
    tcp_ = bound(SOCK_STREAM, local_name(udp_.get()).port());
  }
  if (!tcp_ || ::listen(tcp_.get(), 16) != 0) throw std::runtime_error("no port for the DNS server of the test");
  endpoint_ = local_name(udp_.get());
  thread_ = std::thread([this] { run(); });
}

Server::~Server() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(end_.get(), &one, sizeof one);
  thread_.join();
}

std::size_t Server::asked(const std::string& name, RecordType type) const {
  const std::lock_guard lock(mutex_);
  const auto found = asked_.find({name, static_cast<std::uint16_t>(type)});
  return found == asked_.end() ? 0 : found->second;
}

std::size_t Server::asked_by_tcp() const {
  const std::lock_guard lock(mutex_);
  return tcp_count_;
}

void Server::send_late(const std::string& packet) {
  const std::lock_guard lock(mutex_);
  ::sendto(udp_.get(), packet.data(), packet.size(), 0, &last_asker_.any, last_asker_.size);
}

void Server::run() {
  while (true) {
    std::array<pollfd, 3> waiting{pollfd{.fd = end_.get(), .events = POLLIN},
                                  pollfd{.fd = udp_.get(), .events = POLLIN},
                                  pollfd{.fd = tcp_.get(), .events = POLLIN}};
    ::poll(waiting.data(), waiting.size(), -1);
    if (waiting[0].revents) return;
    if (waiting[1].revents) serve_udp();
    if (waiting[2].revents) serve_tcp();
  }
}

void Server::serve_udp() {
  std::array<char, 4096> room;
  SocketAddress from;
  from.size = sizeof(sockaddr_un);
  const auto got = ::recvfrom(udp_.get(), room.data(), room.size(), 0, &from.any, &from.size);
  if (got <= 0) return;
  {
    const std::lock_guard lock(mutex_);
    last_asker_ = from;
  }
  for (const auto& packet : answer({room.data(), static_cast<std::size_t>(got)}, Transport::udp))
    ::sendto(udp_.get(), packet.data(), packet.size(), 0, &from.any, from.size);
}

/// One question a connection.
void Server::serve_tcp() {
  const Descriptor connection(::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  std::array<char, 2> size{};
  if (!connection || !read_whole(connection.get(), size.data(), size.size())) return;
  std::string packet(static_cast<unsigned char>(size[0]) * 256U + static_cast<unsigned char>(size[1]), '\0');
  if (!read_whole(connection.get(), packet.data(), packet.size())) return;
  for (const auto& reply : answer(packet, Transport::tcp)) {
    const auto framed = wire_number(static_cast<std::uint32_t>(reply.size()), 2) + reply;
    ::send(connection.get(), framed.data(), framed.size(), MSG_NOSIGNAL);
  }
}

std::vector<std::string> Server::answer(std::string_view packet, Transport transport) {
  auto number = [&](std::size_t at) {
    return static_cast<std::uint16_t>(static_cast<unsigned char>(packet.at(at)) << 8 |
                                      static_cast<unsigned char>(packet.at(at + 1)));
  };
  Question question{.id = number(0), .transport = transport};
  std::size_t at = 12;
  while (const auto length = static_cast<unsigned char>(packet.at(at))) {
    if (!question.name.empty()) question.name += '.';
    question.name += to_lower(packet.substr(at + 1, length));
    at += length + 1;
  }
  question.type = number(at + 1);
  {
    const std::lock_guard lock(mutex_);
    question.number = asked_[{question.name, question.type}]++;
    if (transport == Transport::tcp) ++tcp_count_;
  }
  return script_(question);
}

}  // namespace angarium::io::dns_test
