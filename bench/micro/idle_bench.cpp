// What an idle connection costs in the server's heap: plain, and over TLS, between two commands.
//
//   idle_bench [CONNECTIONS]
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "io/connect.h"
#include "io/listener.h"
#include "wire/framing/input.h"
#include "wire/framing/output.h"
#include "wire/tls/connection.h"

namespace {

using namespace angarium;

std::size_t heap() {
  auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

struct Kept {
  std::unique_ptr<wire::Connection> connection;
  wire::Input input;
  wire::Output output;
};

/// Says a line, hears one, and waits for the next: a session between two commands.
io::Task<> idle(Kept& kept, bool speaks) {
  kept.connection->set_deadline(io::Loop::current().now() + std::chrono::minutes(30));
  if (speaks) kept.output.append("a NOOP\r\n");
  if (!co_await kept.output.flush(*kept.connection)) co_return;
  while (co_await kept.input.more(*kept.connection)) {
    kept.input.consume(kept.input.size());
    if (speaks) continue;
    kept.output.append("a OK done\r\n");
    if (!co_await kept.output.flush(*kept.connection)) co_return;
  }
}

using ServerOptions = std::shared_ptr<const wire::tls::ServerOptions>;
using ClientOptions = std::shared_ptr<const wire::tls::ClientOptions>;

/// One end of one connection, encrypted when there are options.
template <class Options>
io::Task<> run_end(Kept& kept, bool encrypted, bool speaks, int& ready) {
  wire::Input nothing;
  if (encrypted && !co_await kept.connection->start_tls(nothing)) std::abort();
  ++ready;
  co_await idle(kept, speaks);
}

io::Task<> connect_all(io::Endpoint to, std::vector<Kept>& all, ClientOptions options, int& ready) {
  for (auto& kept : all) {
    auto stream = (co_await io::connect(to)).value();
    kept.connection =
        options ? wire::tls::client_connection(std::move(stream), options) : wire::plain_connection(std::move(stream));
    io::Loop::current().spawn(run_end<ClientOptions>(kept, options != nullptr, true, ready));
  }
}

io::Task<> accept_all(io::Listener& listener, std::vector<Kept>& all, ServerOptions options, int& ready) {
  for (auto& kept : all) {
    auto stream = (co_await listener.accept()).value();
    kept.connection = options ? wire::tls::server_connection(std::move(stream), options)
                              : wire::plain_connection(std::move(stream), "imap");
    io::Loop::current().spawn(run_end<ServerOptions>(kept, options != nullptr, false, ready));
  }
}

io::Task<> stop_when_ready(std::size_t count, int& ready) {
  auto& loop = io::Loop::current();
  while (ready < static_cast<int>(count)) co_await loop.sleep_for(std::chrono::milliseconds(10));
  co_await loop.sleep_for(std::chrono::milliseconds(300));
  loop.stop();
}

/// The server's heap a connection; the clients are another process.
double measure(std::size_t count, ServerOptions server, ClientOptions client) {
  auto loop = io::make_loop().value();
  auto listener = io::listen(io::Endpoint::parse("127.0.0.1:0").value()).value();
  std::vector<Kept> all(count);
  int ready = 0;
  auto child = ::fork();
  if (child == 0) {
    auto theirs = io::make_loop().value();
    theirs->spawn(connect_all(listener->local(), all, client, ready));
    theirs->run();
    std::_Exit(0);
  }
  auto before = heap();
  loop->spawn(accept_all(*listener, all, server, ready));
  loop->spawn(stop_when_ready(count, ready));
  loop->run();
  auto after = heap();
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  loop->destroy_tasks();
  return static_cast<double>(after - before) / static_cast<double>(count);
}

}  // namespace

int main(int count, char** arguments) {
  auto connections = static_cast<std::size_t>(count > 1 ? std::atoi(arguments[1]) : 1000);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  auto identity = wire::tls::make_self_signed({.names = {"localhost"}}, system_clock().wall()).value();
  auto server = std::make_shared<wire::tls::ServerOptions>();
  server->context = wire::tls::ServerContext::make({identity}).value();
  auto client = std::make_shared<wire::tls::ClientOptions>();
  client->context = wire::tls::ClientContext::make(wire::tls::Verification::none).value();
  client->server_name = "localhost";
  std::printf("Input, Output and the connection's pointer: %zu octets beside the heap\n", sizeof(Kept));
  std::printf("plain: %.0f octets of heap an idle connection\n", measure(connections, nullptr, nullptr));
  std::printf("TLS:   %.0f octets of heap an idle connection\n", measure(connections, server, client));
}
