#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "io/connect.h"
#include "io/listener.h"
#include "io/socket.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::io {
namespace {

using namespace std::chrono_literals;

Endpoint loopback() { return Endpoint::parse("127.0.0.1:0").value(); }
std::string socket_path(std::string_view name) {
  return "/tmp/angarium_" + std::to_string(::getpid()) + "_" + std::string(name);
}

using Opened = std::unique_ptr<Stream>;

struct Pair {
  Opened client;
  Opened server;
};
Task<Result<Pair>> open_pair(Listener& listener) {
  Pair pair;
  pair.client = CO_TRY(co_await connect(listener.local()));
  pair.server = CO_TRY(co_await listener.accept());
  co_return pair;
}

Task<> repeat(Opened stream) {
  char buffer[5000];
  while (true) {
    auto count = stream->try_read(buffer);
    if (!count) co_return;
    if (*count > 0) {
      if (!co_await write_all(*stream, {buffer, *count})) co_return;
    } else if (!co_await stream->readable()) {
      co_return;
    }
  }
}

Task<> serve(Listener& listener, Loops* loops) {
  while (true) {
    auto stream = co_await listener.accept();
    if (!stream) co_return;
    if (!loops) {
      Loop::current().spawn(repeat(*std::move(stream)));
    } else {
      auto& loop = loops->next();
      loop.post([&loop, stream = *std::move(stream)]() mutable { loop.spawn(repeat(std::move(stream))); });
    }
  }
}

Task<> send_then_end(Stream& stream, std::string_view octets) {
  (void)co_await write_all(stream, octets);
  (void)stream.shutdown_write();
}

Task<Result<std::string>> exchange(Endpoint to, std::size_t size) {
  auto stream = CO_TRY(co_await connect(to));
  auto octets = SeededRandom(size).octets(size);
  Loop::current().spawn(send_then_end(*stream, octets));
  std::string back(size, '\0');
  CO_TRY(co_await read_exactly(*stream, back));
  char more[1];
  while (true) {
    auto count = stream->try_read(more);
    if (!count && count.error().is(kEndOfStream)) break;
    CO_TRY(std::move(count));
    CO_TRY(co_await stream->readable());
  }
  if (back != octets) co_return fail(kBroken, "the octets differ");
  co_return "ok";
}

TEST_CASE("TCP and UNIX sockets carry what is written, both ways, to the end") {
  for (auto at : {loopback(), Endpoint::parse("[::1]:0").value(), Endpoint::unix_path(socket_path("echo"))}) {
    auto loop = make_loop().value();
    auto listener = listen(at);
    if (!listener && at.is_ip() && at.address().family() == IpAddress::Family::v6) continue;  // a host without IPv6
    REQUIRE(listener);
    loop->spawn(serve(**listener, nullptr));
    for (std::size_t size : {0U, 1U, 100U, 3'000'000U}) {
      auto done = test::sync_wait(*loop, exchange((*listener)->local(), size));
      CHECK_MESSAGE(done.has_value(), (done ? "" : done.error().text()));
    }
    loop->destroy_tasks();
  }
}

TEST_CASE("connections are handed to other loops, and many go on at once") {
  auto loops = Loops::make(2).value();
  auto accepting = make_loop().value();
  auto listener = listen(loopback()).value();
  std::thread acceptor([&] {
    accepting->spawn(serve(*listener, loops.get()));
    accepting->run();
  });
  loops->start();
  auto loop = make_loop().value();
  int open = 40;
  auto client = [](Loop& on, Endpoint to, int& left) -> Task<> {
    auto done = co_await exchange(to, 50'000);
    CHECK(done.has_value());
    if (--left == 0) on.stop();
  };
  for (int i = 0; i < 40; ++i) loop->spawn(client(*loop, listener->local(), open));
  loop->run();
  CHECK(open == 0);
  accepting->stop();
  acceptor.join();
  accepting->destroy_tasks();
}

int no_delay(const Stream& stream) {
  int value = -1;
  socklen_t size = sizeof value;
  ::getsockopt(dynamic_cast<const SocketStream&>(stream).descriptor(), IPPROTO_TCP, TCP_NODELAY, &value, &size);
  return value;
}

TEST_CASE("what is written to either end of a connection goes out without delay, also by an adopted listener") {
  auto loop = make_loop().value();
  auto listener = listen(loopback()).value();
  auto pair = test::sync_wait(*loop, open_pair(*listener)).value();
  CHECK(no_delay(*pair.client) == 1);
  CHECK(no_delay(*pair.server) == 1);
  auto descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(::listen(descriptor, 1) == 0);
  auto adopted = adopt_listener(descriptor, {}).value();
  auto other =
      test::sync_wait(*loop, connect(Endpoint(*IpAddress::parse("127.0.0.1"), adopted->local().port()))).value();
  auto accepted = test::sync_wait(*loop, adopted->accept()).value();
  CHECK(no_delay(*accepted) == 1);
}

TEST_CASE("a connection to a listener on all addresses knows the one it came to") {
  auto loop = make_loop().value();
  auto listener = listen(Endpoint(IpAddress(), 0)).value();
  for (const char* address : {"127.0.0.1", "127.0.0.7"}) {
    auto client =
        test::sync_wait(*loop, connect(Endpoint(*IpAddress::parse(address), listener->local().port()))).value();
    auto server = test::sync_wait(*loop, listener->accept()).value();
    CHECK(server->local() == client->peer());
  }
}

TEST_CASE("the ends of a socket know each other") {
  auto loop = make_loop().value();
  auto listener = listen(loopback()).value();
  auto pair = test::sync_wait(*loop, open_pair(*listener)).value();
  CHECK(pair.client->local() == pair.server->peer());
  CHECK(pair.client->peer() == pair.server->local());
  CHECK(pair.server->peer().is_local_host());
  CHECK_FALSE(pair.server->peer_uid());
  auto path = socket_path("uid");
  auto unix_listener = listen(Endpoint::unix_path(path), {.unix_mode = 0600}).value();
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  auto unix_pair = test::sync_wait(*loop, open_pair(*unix_listener)).value();
  CHECK(unix_pair.server->peer_uid() == ::getuid());
  unix_listener.reset();
  CHECK(::access(path.c_str(), F_OK) != 0);
}

Task<int> wait_ends(Stream& stream) {
  char buffer[1];
  while (true) {
    auto count = stream.try_read(buffer);
    if (!count) co_return count.error().is(kEndOfStream) ? 1 : 2;
    if (auto ready = co_await stream.readable(); !ready) co_return ready.error().is(kTimedOut) ? 3 : 4;
  }
}

TEST_CASE("a socket's deadline, its end and its closing end a wait") {
  auto loop = make_loop().value();
  auto listener = listen(loopback()).value();
  auto pair = test::sync_wait(*loop, open_pair(*listener)).value();
  pair.server->set_deadline(loop->clock().now() + 2ms);
  CHECK(test::sync_wait(*loop, wait_ends(*pair.server)) == 3);
  pair.server->set_deadline(Moment::never());
  loop->post([&] { pair.server->close(); });
  CHECK(test::sync_wait(*loop, wait_ends(*pair.server)) == 2);
  CHECK(test::sync_wait(*loop, wait_ends(*pair.client)) == 1);
}

TEST_CASE("an end that came together with the last octets is not missed") {
  // The kernel reports both by one edge; a short read must not make the stream wait for another.
  auto loop = make_loop().value();
  auto listener = listen(loopback()).value();
  auto play = [](Listener& on) -> Task<int> {
    auto pair = co_await open_pair(on);
    co_await Loop::current().sleep_for(1ms);
    (void)pair->client->try_write("abc");
    pair->client.reset();
    co_await Loop::current().sleep_for(2ms);
    char buffer[100];
    Event never;
    int octets = 0;
    while (true) {
      auto count = pair->server->try_read(buffer);
      if (!count) co_return count.error().is(kEndOfStream) ? octets : -1;
      octets += static_cast<int>(*count);
      if (!co_await pair->server->readable(&never)) co_return -2;
    }
  };
  CHECK(test::sync_wait(*loop, play(*listener)) == 3);
}

TEST_CASE("connecting fails with the reason") {
  auto loop = make_loop().value();
  auto kind = [&](Endpoint to, ConnectOptions options = {}) {
    auto stream = test::sync_wait(*loop, connect(std::move(to), options));
    return stream ? "none" : stream.error().kind().name;
  };
  auto closed = listen(loopback()).value()->local();  // the listener is gone again
  CHECK(kind(closed) == kRefused.name);
  CHECK(kind(Endpoint::unix_path("/nonexistent/socket")) == kRefused.name);
  auto listener = listen(loopback()).value();
  CHECK(kind(listener->local(), {.from = IpAddress::parse("127.0.0.9")}) == "none");
  CHECK(kind(listener->local(), {.from = IpAddress::parse("192.0.2.1")}) == kUnreachable.name);
  // A listener that never accepts fills its backlog; the next connection waits until its time is over.
  auto full = listen(Endpoint::unix_path(socket_path("full")), {.backlog = 0}).value();
  auto first = test::sync_wait(*loop, connect(full->local()));
  CHECK(kind(full->local(), {.timeout = 30ms}) == kTimedOut.name);
}

TEST_CASE("a path left behind is taken over, one in use is not") {
  auto path = socket_path("stale");
  auto first = listen(Endpoint::unix_path(path)).value();
  CHECK(listen(Endpoint::unix_path(path)).error().is(kAddressInUse));
  REQUIRE(::link(path.c_str(), (path + "_kept").c_str()) == 0);
  first.reset();
  REQUIRE(::rename((path + "_kept").c_str(), path.c_str()) == 0);
  CHECK(listen(Endpoint::unix_path(path)).has_value());
}

TEST_CASE("closing a listener ends accept") {
  auto loop = make_loop().value();
  auto listener = listen(loopback()).value();
  loop->post([&] { listener->close(); });
  CHECK(test::sync_wait(*loop, listener->accept()).error().is(kCancelled));
  CHECK(test::sync_wait(*loop, listener->accept()).error().is(kCancelled));
}

TEST_CASE("what is no listening socket is not adopted") {
  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  CHECK_FALSE(adopt_listener(pipe_ends[0]));
  ::close(pipe_ends[1]);
  CHECK(::fcntl(pipe_ends[0], F_GETFD) == -1);
}

/// Lowers the limit of descriptors to what is open now, and some.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t more) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    // Whoever started the test may have left descriptors open above the lowest free one: only free ones count.
    int end = 0;
    for (int free = 0; free < static_cast<int>(more); ++end)
      if (::fcntl(end, F_GETFD) < 0) ++free;
    auto limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(end);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

Task<Result<std::string>> read_refusal(Stream& stream) {
  std::string text(4, '\0');
  CO_TRY(co_await read_exactly(stream, text));
  co_return text;
}

TEST_CASE("without descriptors a connection hears a refusal, and accepting goes on afterwards") {
  auto loop = make_loop().value();
  int refused = 0;
  auto listener = listen(loopback(), {.when_exhausted =
                                          [&](Stream& stream) {
                                            ++refused;
                                            (void)stream.try_write("421 ");
                                          }})
                      .value();
  std::vector<Opened> accepted;
  auto keep = [](Listener& on, std::vector<Opened>& into) -> Task<> {
    while (auto stream = co_await on.accept()) into.push_back(*std::move(stream));
  };
  {
    DescriptorLimit limit(3);  // two for the clients, one for the first connection
    auto first = test::sync_wait(*loop, connect(listener->local())).value();
    auto second = test::sync_wait(*loop, connect(listener->local())).value();
    loop->spawn(keep(*listener, accepted));
    CHECK(test::sync_wait(*loop, read_refusal(*second)).value() == "421 ");
    CHECK(accepted.size() == 1);
    CHECK(refused == 1);
  }
  loop->destroy_tasks();
  CHECK(test::sync_wait(*loop, open_pair(*listener)).has_value());
  CHECK(refused == 1);
}

}  // namespace
}  // namespace angarium::io
