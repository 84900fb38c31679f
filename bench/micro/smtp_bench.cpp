// The SMTP server without sockets: whole transactions over a connection in memory, answered by the memory backend,
// which forgets them. What is measured is the protocol room, the buffers of wire/framing and the loop.
//
//   build/release/bench/micro/smtp_bench
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

#include "io/memory.h"
#include "protocol/smtp/memory_backend.h"
#include "protocol/smtp/server.h"

namespace {

std::int64_t allocations = 0;

void* counted(std::size_t size) {
  ++allocations;
  if (void* place = std::malloc(size)) return place;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void operator delete(void* place) noexcept { std::free(place); }
void operator delete(void* place, std::size_t) noexcept { std::free(place); }

namespace angarium::protocol::smtp {
namespace {

/// One session that is never over.
class Line {
 public:
  explicit Line(Role role) : ends_(wire::memory_connections({.capacity = 1 << 20})) {
    policy_.role = role;
    policy_.hostname = "mx.example.test";
    policy_.limits.messages = UINT32_MAX;
    house_.users = {{"alice", ""}};
    house_.forgets = true;
    loop_.spawn(run());
    say(role == Role::lmtp ? "LHLO c.example\r\n" : "EHLO c.example\r\n");
  }
  ~Line() { loop_.destroy_tasks(); }

  /// Writes at once and takes the replies; the code of the last one.
  std::string_view say(std::string_view octets) {
    while (!octets.empty()) {
      const auto written = ends_.client->try_write(octets);
      if (!written) return {};
      octets.remove_prefix(*written);
      loop_.settle();
    }
    const auto count = ends_.client->try_read(replies_);
    return {replies_, count.value_or(0)};
  }

 private:
  io::Task<> run() {
    MemorySession session(house_);
    co_await serve(*ends_.server, session, policy_);
  }

  Policy policy_;
  MemoryHouse house_;
  io::SimulatedLoop loop_;
  wire::MemoryConnections ends_;
  char replies_[65536];
};

std::string body(std::int64_t octets) {
  std::string text = "Subject: benchmark\r\n\r\n";
  while (static_cast<std::int64_t>(text.size()) < octets)
    text += "A line of text as long as lines of mail mostly are, said a machine\r\n";
  return text;
}

void finish(benchmark::State& state, std::int64_t before, std::int64_t octets) {
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * octets);
  state.counters["allocations"] = static_cast<double>(allocations - before) / static_cast<double>(state.iterations());
}

void transaction(benchmark::State& state, Role role) {
  Line line(role);
  const std::string message = body(state.range(0)) + ".\r\n";
  const std::int64_t before = allocations;
  for (auto _ : state) {
    const auto go = line.say("MAIL FROM:<sender@client.example> SIZE=2048\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n");
    if (!go.ends_with("<CRLF>.<CRLF>\r\n")) state.SkipWithError("no 354");
    if (!line.say(message).starts_with("250")) state.SkipWithError("no 250");
  }
  finish(state, before, static_cast<std::int64_t>(message.size()));
}

void data_pipelined(benchmark::State& state) { transaction(state, Role::mx); }
void lmtp_pipelined(benchmark::State& state) { transaction(state, Role::lmtp); }

void chunk_pipelined(benchmark::State& state) {
  Line line(Role::mx);
  const std::string message = body(state.range(0));
  const std::string all = "MAIL FROM:<sender@client.example>\r\nRCPT TO:<alice@example.test>\r\nBDAT " +
                          std::to_string(message.size()) + " LAST\r\n" + message;
  const std::int64_t before = allocations;
  for (auto _ : state)
    if (line.say(all).find("Message accepted") == std::string_view::npos) state.SkipWithError("not accepted");
  finish(state, before, static_cast<std::int64_t>(message.size()));
}

BENCHMARK(data_pipelined)->Arg(2 * 1024)->Arg(64 * 1024)->Arg(5 * 1024 * 1024);
BENCHMARK(lmtp_pipelined)->Arg(2 * 1024);
BENCHMARK(chunk_pipelined)->Arg(2 * 1024)->Arg(64 * 1024);

}  // namespace
}  // namespace angarium::protocol::smtp

BENCHMARK_MAIN();
