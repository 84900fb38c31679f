// What a look-up costs when a table's filter and index are larger than what the cache keeps of one table.
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "store/tablet.h"
#include "store/testing.h"
#include "support/test.h"

namespace angarium::store {
namespace {

/// Octets this process has read so far, from files or the page cache (proc(5), rchar).
std::uint64_t octets_read() {
  std::ifstream io("/proc/self/io");
  std::string name;
  std::uint64_t octets = 0;
  io >> name >> octets;
  REQUIRE(name == "rchar:");
  return octets;
}

std::size_t tables_in(const std::string& directory) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) count += entry.path().extension() == ".sst";
  return count;
}

TEST_CASE("a look-up reads some blocks, not a whole filter, also where the filter is larger than the cache") {
  testing::Directory directory;
  TabletOptions options;
  options.state = StateKind::rocksdb;
  options.threads = Threads::none;
  options.segment_size = 64u << 20;
  options.reserve = 0;
  options.reserve_share = 0;
  options.flush_metadata = 1u << 30;
  options.flush_batches = 1'000'000;
  options.cache_size = 256u << 10;
  auto opened = Tablet::open(open_local_volume(directory.path()).value(), options);
  REQUIRE(opened.has_value());
  Tablet& tablet = **opened;
  constexpr int kKeys = 300'000;  // at 10 bits a key their filter has 375 KB
  constexpr int kTables = 6;      // more than level 0 keeps: they become one of level 1, whose filter is not pinned
  const auto key = [](int number) { return fmt::format("k{:08x}", number); };
  for (int table = 0; table < kTables; ++table) {
    Batch batch;
    for (int number = table; number < kKeys; number += kTables) batch.put(key(number), "v");
    REQUIRE(tablet.commit_and_wait(std::move(batch)).has_value());
    REQUIRE(tablet.flush().has_value());
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (tables_in(directory.path() + "/state") >= 4 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  constexpr int kLookups = 500;
  const std::uint64_t before = octets_read();
  for (int i = 0; i < kLookups; ++i) {
    const int number = static_cast<int>(i * 7919LL % kKeys);
    CHECK(tablet.get(key(number))->value_or("absent") == "v");
    CHECK(!tablet.get(key(number) + "x")->has_value());
  }
  const std::uint64_t each = (octets_read() - before) / (2 * kLookups);
  CHECK_MESSAGE(each < (64u << 10), each << " octets were read for each look-up");
}

}  // namespace
}  // namespace angarium::store
