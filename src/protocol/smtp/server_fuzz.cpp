// The server from every state, with what follows as the client's octets in cuts of the input's choice.
#include "protocol/smtp/server.h"

#include <array>
#include <cstdint>
#include <cstdlib>

#include "io/memory.h"
#include "protocol/smtp/memory_backend.h"
#include "wire/framing/output.h"

namespace {

using namespace angarium;
using namespace angarium::protocol::smtp;

constexpr std::array<std::string_view, 9> kStates = {
    "",
    "EHLO c.example\r\n",
    "EHLO c.example\r\nMAIL FROM:<a@b.example>\r\n",
    "EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<alice@example.test>\r\n",
    "EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\nRCPT TO:<full@example.test>\r\nDATA\r\n",
    "EHLO c.example\r\nMAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<alice@example.test>\r\nBDAT 5\r\nhello",
    "EHLO c.example\r\nAUTH LOGIN\r\n",
    "EHLO c.example\r\nAUTH SCRAM-SHA-256\r\n",
    "EHLO c.example\r\nAUTH PLAIN AGFsaWNlAHdvbmRlcg==\r\nATRN example.test\r\n",
};

Policy policy_of(std::uint8_t choice) {
  Policy policy;
  policy.hostname = "mx.example.test";
  policy.role = choice & 1 ? Role::lmtp : Role::mx;
  policy.auth = choice & 2 ? AuthUse::offered : AuthUse::none;
  policy.plaintext = PlaintextAuth::always;
  policy.mechanisms = {"PLAIN", "LOGIN", "SCRAM-SHA-256"};
  policy.tls = TlsUse::offered;
  policy.line_ends = choice & 4 ? LineEnds::normalise : LineEnds::refuse;
  policy.dsn = choice & 8 ? Announce::yes : Announce::no;
  policy.expn = Announce::yes;
  if (choice & 16) policy.role = Role::submission;
  if (choice & 32) policy.role = Role::odmr;
  policy.priorities = {.announce = Announce::yes, .highest = 0, .authenticated = 9};
  policy.burl = Announce::yes;
  policy.etrn = Announce::yes;
  policy.checkpoint = Announce::yes;
  policy.deliver_by = {.announce = Announce::yes, .min_s = 60};
  policy.future_release_s = 1000;
  policy.limits.message_octets = 2000;
  policy.limits.errors = 100;
  return policy;
}

void read_all(io::Stream& stream) {
  char buffer[4096];
  for (;;) {
    const auto count = stream.try_read(buffer);
    if (!count || *count == 0) return;
  }
}

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const Policy policy = policy_of(data[0]);
  const std::string_view state = kStates[data[1] % kStates.size()];
  const std::size_t step = data[2] == 0 ? size : data[2];
  std::string_view octets(reinterpret_cast<const char*>(data) + 3, size - 3);

  MemoryHouse house;
  house.users = {{"alice", "wonder"}, {"full", "x"}, {"broken", "x"}};
  house.urls = {{"imap:submit+alice:1", "Subject: x\r\n\r\ntext\r\n"}, {"imap:submit+alice:2", std::string(2001, 'x')}};
  house.pauses = (data[0] & 16) != 0;
  io::SimulatedLoop loop;
  auto ends = wire::memory_connections();
  MemorySession session(house);
  loop.spawn(serve(*ends.server, session, policy));
  loop.settle();
  auto send = [&](std::string_view piece) {
    while (!piece.empty()) {
      const auto written = ends.client->try_write(piece);
      if (!written || *written == 0) return;
      piece.remove_prefix(*written);
      loop.settle();
      read_all(*ends.client);
    }
  };
  for (std::string_view rest = state; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n') + 1);
    send(line.empty() ? rest : line);
    rest.remove_prefix(line.empty() ? rest.size() : line.size());
  }
  for (; !octets.empty(); octets.remove_prefix(std::min(step, octets.size()))) send(octets.substr(0, step));
  ends.client->close();
  loop.settle();
  require(loop.tasks() == 0);
  for (const auto& message : house.messages) {
    require(message.octets.size() <= policy.limits.message_octets);
    require(!message.envelope.recipients.empty());
  }
  return 0;
}
