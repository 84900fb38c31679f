// A client that sends anything, from every state of a session; two sessions on one mailbox. What the server sends must
// be IMAP that the client's half can read, and sequence numbers must never be told twice or out of range.
#include <cstdlib>

#include "io/memory.h"
#include "protocol/imap/reader.h"
#include "protocol/imap/response.h"
#include "protocol/imap/testing.h"

using namespace angarium;
using namespace angarium::protocol::imap;

namespace {

constexpr std::string_view kStates[] = {
    "",
    "l LOGIN fred secret\r\n",
    "l LOGIN fred secret\r\ns SELECT INBOX\r\n",
    "l LOGIN fred secret\r\ns EXAMINE INBOX\r\n",
    "l LOGIN fred secret\r\ne ENABLE IMAP4rev2 UTF8=ACCEPT\r\ns SELECT INBOX\r\n",
    "l LOGIN fred secret\r\ne ENABLE QRESYNC\r\ns SELECT INBOX\r\n",
    "l LOGIN fred secret\r\ne ENABLE UIDONLY\r\ns SELECT INBOX\r\n",
    "l LOGIN fred secret\r\ns SELECT INBOX\r\nu SEARCH RETURN (UPDATE) UNSEEN\r\nv UID SORT RETURN (UPDATE) (SIZE) "
    "UTF-8 ALL\r\n",
    "l LOGIN fred secret\r\ns SELECT INBOX\r\nn NOTIFY SET (selected (MessageNew (UID) MessageExpunge FlagChange)) "
    "(personal "
    "(MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))\r\n",
    "l LOGIN fred secret\r\ns SELECT INBOX\r\ni IDLE\r\n",
    "l LOGIN fred secret\r\na APPEND INBOX (\\Seen) {100+}\r\n",
    "l AUTHENTICATE PLAIN\r\n",
};

/// Reads what the server sent as a client would, and keeps count.
class Listener {
 public:
  void feed(std::string_view octets) {
    while (!octets.empty()) {
      switch (reader_.feed(octets)) {
        case CommandReader::Event::need_more: return;
        case CommandReader::Event::literal: reader_.collect(); break;
        case CommandReader::Event::line:
          take(reader_.text());
          reader_.next();
          break;
        case CommandReader::Event::discarded: std::abort();
      }
    }
  }

 private:
  void take(std::string_view text) {
    const auto response = parse_response(text);
    if (!response) std::abort();
    const auto* number = std::get_if<NumberResponse>(&*response);
    if (const auto* status = std::get_if<StatusResponse>(&*response); status != nullptr && status->code == "CLOSED")
      exists_ = 0;
    if (const auto* fetch = std::get_if<FetchResponse>(&*response); fetch != nullptr && fetch->sequence > exists_)
      std::abort();
    if (const auto* vanished = std::get_if<VanishedResponse>(&*response); vanished != nullptr && !vanished->earlier) {
      if (vanished->uids.count() > exists_) std::abort();
      exists_ -= static_cast<std::uint32_t>(vanished->uids.count());
    }
    if (number == nullptr) return;
    if (number->kind == NumberResponse::Kind::exists) exists_ = number->number;
    if (number->kind == NumberResponse::Kind::expunge && number->number > exists_--) std::abort();
  }

  CommandReader reader_{kResponseMax};
  std::uint32_t exists_ = 0;
};

struct Peer {
  wire::MemoryConnections ends = wire::memory_connections();
  Listener listener;

  void send(io::SimulatedLoop& loop, std::string_view octets) {
    while (!octets.empty()) {
      const auto written = ends.client->try_write(octets);
      if (!written || *written == 0) break;
      octets.remove_prefix(*written);
      loop.settle();
      drain();
    }
    loop.settle();
    drain();
  }
  void drain() {
    char room[4096];
    for (;;) {
      const auto count = ends.client->try_read(room);
      if (!count || *count == 0) return;
      listener.feed({room, *count});
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  if (size < 1) return 0;
  io::SimulatedLoop loop;
  const auto store = testing::make_store();
  const auto options = std::make_shared<ServerOptions>();
  Peer peers[2];
  for (auto& peer : peers)
    loop.spawn(testing::serve(store, options, MemoryAuthenticator::Plaintext::always, *peer.ends.server));
  const auto first = static_cast<unsigned char>(data[0]);
  peers[0].send(loop, kStates[first % std::size(kStates)]);
  peers[1].send(loop, kStates[first / 16 % std::size(kStates)]);
  // Octet 0xFE hands over to the other client.
  std::string_view input(data + 1, size - 1);
  for (std::size_t who = 0; !input.empty(); who ^= 1) {
    const auto end = input.find('\xFE');
    peers[who].send(loop, input.substr(0, end));
    if (end == std::string_view::npos) break;
    input.remove_prefix(end + 1);
  }
  for (auto& peer : peers) peer.ends.client->close();
  loop.advance(std::chrono::hours(1));
  return 0;
}
