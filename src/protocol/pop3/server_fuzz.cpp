// Hostile octets into a server session, from each state that a session can be in.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "io/memory.h"
#include "protocol/pop3/memory_backend.h"
#include "protocol/pop3/server.h"

using namespace angarium;
using namespace angarium::protocol::pop3;

namespace {

constexpr std::array<std::string_view, 8> kBeginnings = {"",
                                                         "USER ann\r\n",
                                                         "AUTH PLAIN\r\n",
                                                         "AUTH LOGIN\r\nYW5u\r\n",
                                                         "AUTH SCRAM-SHA-256 biwsbj1hbm4scj14\r\n",
                                                         "UTF8\r\nUSER ann\r\nPASS secret\r\n",
                                                         "USER ann\r\nPASS secret\r\n",
                                                         "USER ann\r\nPASS secret\r\nDELE 1\r\nRETR 2\r\n"};

void drain(io::SimulatedLoop& loop, wire::Connection& client) {
  std::array<char, 65536> room;
  for (;;) {
    loop.settle();
    const auto count = client.try_read(room);
    if (!count || *count == 0) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const unsigned mode = data[0];
  const std::size_t chunk = data[1] % 4 == 0 ? input.size() : data[1];
  input.remove_prefix(2);
  io::SimulatedLoop loop;
  MemoryHouse house;
  house.piece = 5;
  house.users["ann"] = {
      .password = "secret",
      .messages = {
          {"u1", "A: b\r\n\r\n.dot\r\n"}, {"u2", "A: \xC3\xA9\r\n\r\nx\r\n", "A: e\r\n\r\nx\r\n"}, {"u3", ""}}};
  auto connections = wire::memory_connections();
  MemoryAuthenticator authenticator(house);
  const ServerOptions options{.plaintext_without_tls = sasl::Plaintext::allowed,
                              .apop = mode % 2 == 0 ? Apop::on : Apop::off,
                              .failure_delay = Duration(0)};
  loop.spawn(serve(*connections.server, authenticator, options));
  static_cast<void>(connections.client->try_write(kBeginnings[mode % kBeginnings.size()]));
  drain(loop, *connections.client);
  while (!input.empty()) {
    static_cast<void>(connections.client->try_write(input.substr(0, chunk)));
    input.remove_prefix(std::min(chunk, input.size()));
    drain(loop, *connections.client);
  }
  connections.client->close();
  loop.run();
  if (loop.tasks() != 0 || house.users["ann"].open) std::abort();
  return 0;
}
