// A hostile server against the calls of the client.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "io/memory.h"
#include "protocol/imap/client.h"

using namespace angarium;
using namespace angarium::protocol::imap;

namespace {

struct Nowhere final : ContentSink {
  Result<void> begin(std::string_view, std::uint64_t) override { return {}; }
  io::ValueOrTask<Result<void>> append(std::string_view) override { return Result<void>{}; }
  io::ValueOrTask<Result<void>> end() override { return Result<void>{}; }
};

io::Task<> work(Client& client) {
  Nowhere sink;
  io::Event stop;
  if (const auto rows = co_await client.list("", "*"); rows && !rows->empty())
    static_cast<void>(co_await client.select(rows->front().name, Access::read_only));
  static_cast<void>(co_await client.status("INBOX", "MESSAGES"));
  static_cast<void>(co_await client.select("INBOX", Access::read_write));
  static_cast<void>(co_await client.uid_fetch("1:*", "(UID BODY.PEEK[])", {}, &sink));
  static_cast<void>(co_await client.uid_search("ALL"));
  static_cast<void>(co_await client.uid_copy("1", "x", CopyMode::move));
  static_cast<void>(co_await client.append("INBOX", {}, std::nullopt, "a\r\n\r\nb"));
  static_cast<void>(co_await client.idle([](const Response&) { return true; }, stop));
}

io::Task<> drive(wire::Connection& connection, unsigned mode) {
  Client client(connection, {.timeout = std::chrono::minutes(5), .stream_from = mode % 8});
  if (!co_await client.greet()) co_return connection.close();
  if (mode % 2 == 0) {
    sasl::ClientContext credentials;
    credentials.identity.authentication_id = "ann";
    credentials.password = sasl::Secret::copy("secret");
    static_cast<void>(co_await client.log_in(std::move(credentials), sasl::Plaintext::allowed));
  }
  if (mode % 3 == 0) static_cast<void>(co_await client.enable("IMAP4rev2"));
  co_await work(client);
  static_cast<void>(co_await client.logout());
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
