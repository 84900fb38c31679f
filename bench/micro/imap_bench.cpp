// How fast the IMAP server builds its answers, without a store and without a network: the memory body behind the port,
// a memory stream in front. Rates are messages (or octets) a second of one core.
#include <benchmark/benchmark.h>

#include "io/memory.h"
#include "protocol/imap/testing.h"

namespace {

using namespace angarium;
using namespace angarium::protocol::imap;

class Bench {
 public:
  /// `count` messages that share one body.
  Bench(std::size_t count, std::string octets) {
    store_->add_account("fred", "secret");
    auto fred = store_->find("fred");
    const auto email = fred->keep(std::move(octets));
    std::vector<Entry> entries(count);
    for (std::size_t i = 0; i < count; ++i) {
      entries[i] = {.email = email->id,
                    .modseq = i + 1,
                    .keywords = i % 3,
                    .date = {.seconds = 1'700'000'000},
                    .size = static_cast<std::uint32_t>(email->octets.size()),
                    .uid = static_cast<std::uint32_t>(i + 1),
                    .flags = static_cast<Flags>(i % 32)};
    }
    fred->find("INBOX")->publish(std::move(entries), static_cast<std::uint32_t>(count + 1), count,
                                 {"$Forwarded", "$Junk"});
    loop_.spawn(testing::serve(store_, options_, MemoryAuthenticator::Plaintext::always, *ends_.server));
    talk("a LOGIN fred secret\r\na EXAMINE INBOX\r\n");
  }

  /// The octets that came back.
  std::size_t talk(std::string_view commands) {
    std::size_t octets = 0;
    (void)ends_.client->try_write(commands);
    for (;;) {
      loop_.settle();
      const auto before = octets;
      for (;;) {
        const auto count = ends_.client->try_read(room_);
        if (!count || *count == 0) break;
        octets += *count;
      }
      if (octets == before) return octets;
    }
  }

 private:
  io::SimulatedLoop loop_;
  std::shared_ptr<MemoryStore> store_ = std::make_shared<MemoryStore>();
  std::shared_ptr<ServerOptions> options_ = std::make_shared<ServerOptions>();
  wire::MemoryConnections ends_ = wire::memory_connections({.capacity = 1024 * 1024});
  std::vector<char> room_ = std::vector<char>(1024 * 1024);
};

void run(benchmark::State& state, std::size_t count, std::string octets, std::string_view command) {
  Bench bench(count, std::move(octets));
  std::size_t answered = 0;
  for (auto _ : state) answered += bench.talk(command);
  state.SetItemsProcessed(static_cast<std::int64_t>(count) * static_cast<std::int64_t>(state.iterations()));
  state.SetBytesProcessed(static_cast<std::int64_t>(answered));
}

void fetch_flags(benchmark::State& state) {
  run(state, 100'000, std::string(testing::kPlain), "a FETCH 1:* FLAGS\r\n");
}
void fetch_sync(benchmark::State& state) {
  run(state, 100'000, std::string(testing::kPlain), "a UID FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE)\r\n");
}
void fetch_structure(benchmark::State& state) {
  run(state, 10'000, std::string(testing::kParts), "a FETCH 1:* (ENVELOPE BODYSTRUCTURE)\r\n");
}
void fetch_small_bodies(benchmark::State& state) {
  run(state, 10'000, std::string(testing::kParts), "a FETCH 1:* BODY.PEEK[]\r\n");
}
void fetch_large_bodies(benchmark::State& state) {
  run(state, 1'000, "Subject: x\r\n\r\n" + std::string(1'000'000, 'x'), "a FETCH 1:* BODY.PEEK[]\r\n");
}
void fetch_header_fields(benchmark::State& state) {
  run(state, 10'000, std::string(testing::kParts), "a FETCH 1:* BODY.PEEK[HEADER.FIELDS (From Subject)]\r\n");
}
void search_flags(benchmark::State& state) {
  run(state, 100'000, std::string(testing::kPlain), "a SEARCH RETURN (COUNT) UNSEEN NOT DELETED\r\n");
}
void search_list(benchmark::State& state) { run(state, 100'000, std::string(testing::kPlain), "a SEARCH UNSEEN\r\n"); }
void examine(benchmark::State& state) { run(state, 100'000, std::string(testing::kPlain), "a EXAMINE INBOX\r\n"); }

BENCHMARK(fetch_flags);
BENCHMARK(fetch_sync);
BENCHMARK(fetch_structure);
BENCHMARK(fetch_small_bodies);
BENCHMARK(fetch_large_bodies);
BENCHMARK(fetch_header_fields);
BENCHMARK(search_flags);
BENCHMARK(search_list);
BENCHMARK(examine);

}  // namespace

BENCHMARK_MAIN();
