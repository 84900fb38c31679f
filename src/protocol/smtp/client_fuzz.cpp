// The client as the peer of garbage: the input is what a server says, in cuts of its choice.
#include "protocol/smtp/client.h"

#include <cstdint>
#include <cstdlib>

#include "io/memory.h"

namespace {

using namespace angarium;
using namespace angarium::protocol::smtp;

envelope::Envelope two_recipients() {
  envelope::Envelope envelope;
  envelope.recipients.push_back({{{"x", "y.example"}}, {}});
  envelope.recipients.push_back({{{"z", "y.example"}}, {}});
  return envelope;
}

io::Task<> session(wire::Connection& connection, std::uint8_t choice) {
  Client client(connection, {.name = "c.example",
                             .dialect = choice & 1 ? Dialect::lmtp : Dialect::smtp,
                             .chunking = choice & 2 ? Chunking::when_possible : Chunking::when_needed});
  if (!co_await client.open()) co_return;
  if (choice & 4) {
    sasl::ClientContext credentials;
    credentials.identity.authentication_id = "alice";
    credentials.password = sasl::Secret::copy("wonder");
    if (!co_await client.authenticate(std::move(credentials), sasl::Plaintext::allowed)) co_return;
  }
  const envelope::Envelope envelope = two_recipients();
  for (int i = 0; i < 3 && !client.closed(); ++i) {
    MessageInMemory source("Subject: x\r\n\r\n.\r\n");
    const Result<SendReport> report = co_await client.send(envelope, {.octets = 17}, source);
    if (!report) break;
    // Every recipient has a reply, whatever the server said.
    if (report->recipients.size() != 2 || report->recipients[0].code == 0 || report->recipients[1].code == 0)
      std::abort();
  }
  co_await client.quit();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t step = data[1] == 0 ? size : data[1];
  std::string_view octets(reinterpret_cast<const char*>(data) + 2, size - 2);
  io::SimulatedLoop loop;
  auto ends = wire::memory_connections();
  loop.spawn(session(*ends.client, data[0]));
  loop.settle();
  while (!octets.empty()) {
    const auto written = ends.server->try_write(octets.substr(0, step));
    if (!written || *written == 0) break;
    octets.remove_prefix(*written);
    loop.settle();
    char buffer[4096];
    for (;;) {
      const auto count = ends.server->try_read(buffer);
      if (!count || *count == 0) break;
    }
  }
  ends.server->close();
  loop.settle();
  if (loop.tasks() != 0) std::abort();
  return 0;
}
