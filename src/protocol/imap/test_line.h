// A server over the memory backend with the client's end of its connection, for tests that no script can say.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "io/memory.h"
#include "protocol/imap/testing.h"
#include "support/test.h"

namespace angarium::protocol::imap::testing {

/// One connection; "fred" is known to it.
struct Line {
  io::SimulatedLoop loop;
  std::shared_ptr<MemoryStore> store = make_store();
  std::shared_ptr<MemoryAccountState> fred = store->find("fred");
  ServerOptions options;
  wire::MemoryConnections ends = wire::memory_connections({.capacity = 16 * 1024});
  MemoryAuthenticator authenticator{*store, *ends.server, MemoryAuthenticator::Plaintext::always};
  Server server{*ends.server, authenticator, options};
  bool ended = false;

  Line() {
    loop.spawn([](Line& line) -> io::Task<> {
      co_await line.server.run();
      line.ended = true;
    }(*this));
  }
  ~Line() { loop.destroy_tasks(); }
  void send(std::string_view octets) {
    CHECK(ends.client->try_write(octets) == octets.size());
    loop.settle();
  }
  std::string take() {
    std::string all;
    char room[4096];
    for (;;) {
      loop.settle();
      const auto count = ends.client->try_read(room);
      if (!count || *count == 0) return all;
      all.append(room, *count);
    }
  }
  [[nodiscard]] std::size_t seen() const {
    std::size_t count = 0;
    for (const auto& entry : fred->find("INBOX")->entries()) count += entry.flags & kSeen;
    return count;
  }
};

}  // namespace angarium::protocol::imap::testing
