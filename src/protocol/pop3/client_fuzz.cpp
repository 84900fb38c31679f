// A hostile server against every call of the client.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "io/memory.h"
#include "protocol/pop3/client.h"

using namespace angarium;
using namespace angarium::protocol::pop3;

namespace {

struct Nowhere final : MessageSink {
  Result<> begin(Number) override { return {}; }
  io::ValueOrTask<Result<>> append(std::string_view) override { return Result<>{}; }
  io::ValueOrTask<Result<>> end(Number) override { return Result<>{}; }
  Result<> refused(Number, const Error&) override { return {}; }
};

io::Task<> drive(wire::Connection& connection, unsigned mode) {
  Client client(connection, {.plaintext_without_tls = sasl::Plaintext::allowed});
  Nowhere sink;
  const std::array<Number, 3> numbers = {1, 2, 3};
  if (!co_await client.greeting()) co_return connection.close();
  if (mode % 2 == 0) static_cast<void>(co_await client.capa());
  if (mode % 4 == 0)
    static_cast<void>(co_await client.login({.identity = {"ann", ""}, .password = sasl::Secret::copy("secret")}));
  static_cast<void>(co_await client.list());
  static_cast<void>(co_await client.uidl());
  static_cast<void>(co_await client.stat());
  static_cast<void>(co_await client.retr(numbers, sink));
  static_cast<void>(co_await client.top(1, 2, sink));
  static_cast<void>(co_await client.dele(numbers));
  static_cast<void>(co_await client.last());
  static_cast<void>(co_await client.quit());
  connection.close();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  io::SimulatedLoop loop;
  auto connections = wire::memory_connections({.capacity = 1 << 20});
  loop.spawn(drive(*connections.client, data[0]));
  static_cast<void>(connections.server->try_write(input));
  static_cast<void>(connections.server->shutdown_write());
  loop.run();
  if (loop.tasks() != 0) std::abort();
  return 0;
}
