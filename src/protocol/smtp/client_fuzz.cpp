// The client as the peer of garbage: the input is what a server says, in cuts of its choice, and the message it sends.
#include "protocol/smtp/client.h"

#include <cstdint>
#include <cstdlib>

#include "io/memory.h"
#include "message/dots.h"

namespace {

using namespace angarium;
using namespace angarium::protocol::smtp;

envelope::Envelope two_recipients() {
  envelope::Envelope envelope;
  envelope.recipients.push_back({{{"x", "y.example"}}, {}});
  envelope.recipients.push_back({{{"z", "y.example"}}, {}});
  return envelope;
}

/// A message in two pieces.
class TwoPieces final : public MessageSource {
 public:
  explicit TwoPieces(std::string_view message) : first_(message.substr(0, message.size() / 2)), second_(message) {
    second_.remove_prefix(first_.size());
  }
  io::ValueOrTask<Result<std::string_view>> next() override {
    if (first_.empty()) return Result<std::string_view>(std::exchange(second_, {}));
    return Result<std::string_view>(std::exchange(first_, {}));
  }

 private:
  std::string_view first_;
  std::string_view second_;
};

io::Task<> session(wire::Connection& connection, std::uint8_t choice, std::string_view message) {
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
    TwoPieces source(message);
    const MessageFacts facts{.octets = message.size(), .binary = (choice & 8) != 0};
    const Result<SendReport> report = co_await client.send(envelope, facts, source);
    if (!report) break;
    // Every recipient has a reply, whatever the server said.
    if (report->recipients.size() != 2 || report->recipients[0].code == 0 || report->recipients[1].code == 0)
      std::abort();
  }
  co_await client.quit();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::size_t step = data[1] == 0 ? size : data[1];
  std::string_view octets(reinterpret_cast<const char*>(data) + 3, size - 3);
  const std::string_view message = octets.substr(0, data[2]);
  octets.remove_prefix(message.size());
  io::SimulatedLoop loop;
  auto ends = wire::memory_connections();
  loop.spawn(session(*ends.client, data[0], message));
  loop.settle();
  message::LineScanner heard;
  while (!octets.empty()) {
    const auto written = ends.server->try_write(octets.substr(0, step));
    if (!written || *written == 0) break;
    octets.remove_prefix(*written);
    loop.settle();
    char buffer[4096];
    for (;;) {
      const auto count = ends.server->try_read(buffer);
      if (!count || *count == 0) break;
      heard.feed({buffer, *count});
    }
  }
  ends.server->close();
  loop.settle();
  if (loop.tasks() != 0) std::abort();
  // RFC 5321 §2.3.8: whatever the message holds; a CR at the end may be one of a pair that was cut off.
  if (!(data[0] & 8) && (heard.bare_lf() > 0 || heard.bare_cr() > 1)) std::abort();
  return 0;
}
