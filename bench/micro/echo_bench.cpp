// One message back and forth on many loopback connections: a plain epoll server, io's loop with coroutines, and
// Boost.Asio's readiness waits, each in turn against the same client in one run. Prints the best messages a
// second and the least CPU a message of seven rounds, and the ratio to plain epoll.
//
//   echo_bench [CONNECTIONS] [SECONDS A ROUND] [OCTETS] ["plain epoll"|io|Asio]
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef ANGARIUM_BENCH_ASIO
#include <boost/asio.hpp>
#endif

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "io/listener.h"
#include "io/loop.h"
#include "wire/framing/input.h"
#include "wire/framing/output.h"

namespace {

using Clock = std::chrono::steady_clock;

double cpu_of_this_thread() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// A listening socket on a free port of 127.0.0.1.
int listen_somewhere(std::uint16_t& port) {
  int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listening, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listening, 1024) != 0 ||
      ::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    std::abort();
  port = ntohs(address.sin_port);
  return listening;
}

/// Every connection has one message under way, until the time is over. Returns how many came back.
long drive(std::uint16_t port, int connections, double seconds, std::size_t octets) {
  int poll = ::epoll_create1(0);
  std::string message(octets, 'x');
  std::string buffer(64 * 1024, '\0');
  std::vector<std::size_t> missing(static_cast<std::size_t>(connections), octets);
  std::vector<int> sockets;
  for (int i = 0; i < connections; ++i) {
    int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = static_cast<std::uint32_t>(i);
    ::epoll_ctl(poll, EPOLL_CTL_ADD, socket, &event);
    sockets.push_back(socket);
    if (::write(socket, message.data(), octets) < 0) std::abort();
  }
  long done = 0;
  auto end = Clock::now() + std::chrono::duration<double>(seconds);
  std::array<epoll_event, 64> events{};
  while (Clock::now() < end) {
    int count = ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), 100);
    for (int i = 0; i < count; ++i) {
      auto index = events[static_cast<std::size_t>(i)].data.u32;
      auto got = ::read(sockets[index], buffer.data(), buffer.size());
      if (got <= 0) std::abort();
      missing[index] -= static_cast<std::size_t>(got);
      if (missing[index] > 0) continue;
      missing[index] = octets;
      ++done;
      if (::write(sockets[index], message.data(), octets) < 0) std::abort();
    }
  }
  for (int socket : sockets) ::close(socket);
  ::close(poll);
  return done;
}

struct Figures {
  double a_second;
  double cpu_microseconds;
};

using Serve = std::function<void(int listening, std::atomic<bool>& stop)>;

Figures measure(const Serve& serve, int connections, double seconds, std::size_t octets) {
  std::uint16_t port = 0;
  int listening = listen_somewhere(port);
  std::atomic<bool> stop{false};
  double cpu = 0;
  std::thread server([&] {
    auto before = cpu_of_this_thread();
    serve(listening, stop);
    cpu = cpu_of_this_thread() - before;
  });
  auto done = drive(port, connections, seconds, octets);
  stop = true;
  server.join();
  return {static_cast<double>(done) / seconds, cpu / static_cast<double>(std::max(1L, done)) * 1e6};
}

void serve_plain(int listening, std::atomic<bool>& stop) {
  int poll = ::epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listening;
  ::epoll_ctl(poll, EPOLL_CTL_ADD, listening, &event);
  std::string buffer(64 * 1024, '\0');
  std::array<epoll_event, 256> events{};
  while (!stop) {
    int count = ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), 50);
    for (int i = 0; i < count; ++i) {
      int socket = events[static_cast<std::size_t>(i)].data.fd;
      if (socket == listening) {
        event.data.fd = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK);
        int on = 1;
        ::setsockopt(event.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        ::epoll_ctl(poll, EPOLL_CTL_ADD, event.data.fd, &event);
        continue;
      }
      auto got = ::read(socket, buffer.data(), buffer.size());
      if (got <= 0 || ::write(socket, buffer.data(), static_cast<std::size_t>(got)) < 0) ::close(socket);
    }
  }
  ::close(poll);
  ::close(listening);
}

using namespace angarium;

io::Task<> repeat(std::unique_ptr<io::Stream> stream) {
  wire::Input input;
  wire::Output output;
  auto& loop = io::Loop::current();
  while (true) {
    stream->set_deadline(loop.now() + std::chrono::minutes(5));
    if (!co_await input.more(*stream)) co_return;
    output.append(input.view());
    input.consume(input.size());
    if (!co_await output.flush(*stream)) co_return;
  }
}

io::Task<> accept_all(io::Listener& listener) {
  while (auto stream = co_await listener.accept()) io::Loop::current().spawn(repeat(*std::move(stream)));
}

io::Task<> stop_when(std::atomic<bool>& stop) {
  auto& loop = io::Loop::current();
  while (!stop) co_await loop.sleep_for(std::chrono::milliseconds(50));
  loop.stop();
}

void serve_ours(int listening, std::atomic<bool>& stop) {
  auto loop = io::make_loop().value();
  auto listener = io::adopt_listener(listening).value();
  loop->spawn(accept_all(*listener));
  loop->spawn(stop_when(stop));
  loop->run();
  loop->destroy_tasks();
}

#ifdef ANGARIUM_BENCH_ASIO
/// What an Asio body of Stream would do: a readiness wait, then a read that may say "nothing now".
class AsioSession : public std::enable_shared_from_this<AsioSession> {
 public:
  AsioSession(boost::asio::ip::tcp::socket socket, std::string& buffer) : socket_(std::move(socket)), buffer_(buffer) {
    socket_.non_blocking(true);
    socket_.set_option(boost::asio::ip::tcp::no_delay(true));
  }
  void wait() {
    socket_.async_wait(boost::asio::socket_base::wait_read, [self = shared_from_this()](auto error) {
      if (!error) self->answer();
    });
  }

 private:
  void answer() {
    auto got = ::read(socket_.native_handle(), buffer_.data(), buffer_.size());
    if (got <= 0 || ::write(socket_.native_handle(), buffer_.data(), static_cast<std::size_t>(got)) < 0) return;
    wait();
  }

  boost::asio::ip::tcp::socket socket_;
  std::string& buffer_;
};

void serve_asio(int listening, std::atomic<bool>& stop) {
  boost::asio::io_context context(1);
  boost::asio::ip::tcp::acceptor acceptor(context, boost::asio::ip::tcp::v4(), listening);
  std::string buffer(64 * 1024, '\0');
  std::function<void()> accept_next = [&] {
    acceptor.async_accept([&](auto error, boost::asio::ip::tcp::socket socket) {
      if (error) return;
      std::make_shared<AsioSession>(std::move(socket), buffer)->wait();
      accept_next();
    });
  };
  accept_next();
  while (!stop) context.run_for(std::chrono::milliseconds(50));
}
#endif

/// The least of several rounds: what other processes of the host take is noise upwards.
struct Best {
  const char* name;
  Serve serve;
  Figures figures{0, 1e9};
};

}  // namespace

int main(int count, char** arguments) {
  int connections = count > 1 ? std::atoi(arguments[1]) : 50;
  double seconds = count > 2 ? std::atof(arguments[2]) : 1;
  auto octets = static_cast<std::size_t>(count > 3 ? std::atoi(arguments[3]) : 64);
  constexpr int kRounds = 7;
  std::vector<Best> all{{"plain epoll", serve_plain}, {"io", serve_ours}};
#ifdef ANGARIUM_BENCH_ASIO
  all.push_back({"Asio", serve_asio});
#endif
  if (count > 4) std::erase_if(all, [&](const Best& each) { return std::string_view(each.name) != arguments[4]; });
  if (all.empty()) return 2;
  for (int round = 0; round < kRounds; ++round) {
    for (auto& each : all) {
      auto figures = measure(each.serve, connections, seconds, octets);
      each.figures.a_second = std::max(each.figures.a_second, figures.a_second);
      each.figures.cpu_microseconds = std::min(each.figures.cpu_microseconds, figures.cpu_microseconds);
    }
  }
  for (const auto& each : all)
    std::printf("%-12s %9.0f a second  %6.2f us CPU a message  ratio %.2f  CPU %.2f\n", each.name,
                each.figures.a_second, each.figures.cpu_microseconds,
                each.figures.a_second / all.front().figures.a_second,
                each.figures.cpu_microseconds / all.front().figures.cpu_microseconds);
}
