// Whatever a client sends, before, in and after a handshake: the server ends in good order.
#include <algorithm>
#include <string>

#include "io/memory.h"
#include "wire/tls/connection.h"

namespace {

using namespace angarium;
using namespace angarium::wire;

std::shared_ptr<const tls::ServerOptions> server_options() {
  static const auto made = [] {
    auto options = std::make_shared<tls::ServerOptions>();
    auto identity = tls::make_self_signed({.names = {"a.test"}}, WallTime::from_seconds(1'800'000'000)).value();
    options->context = tls::ServerContext::make({identity}).value();
    options->protocols = {"imap"};
    return options;
  }();
  return made;
}

std::shared_ptr<const tls::ClientOptions> client_options() {
  static const auto made = [] {
    auto options = std::make_shared<tls::ClientOptions>();
    options->context = tls::ClientContext::make(tls::Verification::none).value();
    options->server_name = "a.test";
    return options;
  }();
  return made;
}

io::Task<> serve(Connection& connection) {
  Input input;
  if (!co_await connection.start_tls(input)) co_return;
  while (co_await input.more(connection)) input.consume(input.size());
}

io::Task<> begin(Connection& connection) {
  Input input;
  (void)co_await connection.start_tls(input);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size < 1 || size > 20'000) return 0;
  std::string_view octets(reinterpret_cast<const char*>(data) + 1, size - 1);
  io::SimulatedLoop loop;
  auto pair = io::memory_pair({.chunk = data[0] & 2 ? 7 : SIZE_MAX});
  auto* line = pair.first.get();
  auto server = tls::server_connection(std::move(pair.second), server_options());
  auto client = tls::client_connection(std::move(pair.first), client_options());
  loop.spawn(serve(*server));
  if (data[0] & 1) {
    loop.spawn(begin(*client));
    loop.settle();
  }
  (void)line->try_write(octets);
  loop.settle();
  client->close();
  loop.run();
  return loop.tasks() == 0 ? 0 : -1;
}
