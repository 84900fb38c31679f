#include "store/tablet.h"

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "store/format.h"
#include "store/keys.h"
#include "store/octets.h"
#include "store/testing.h"
#include "store/volume_memory.h"
#include "support/test.h"

namespace angarium::store {
namespace {

using namespace angarium::store::testing;

std::string whole(Tablet& tablet, const BodyRef& ref) {
  std::string octets(ref.length, '\0');
  Result<> read = tablet.read_body(ref, 0, octets);
  return read ? octets : "error: " + read.error().text();
}

std::string value_of(Tablet& tablet, std::string_view key) {
  auto value = tablet.get(key);
  if (!value) return "error: " + value.error().text();
  return value->value_or("absent");
}

Batch putting(std::string_view key, std::string_view value) {
  Batch batch;
  batch.put(key, value);
  return batch;
}

/// Every kind of tablet the tests below run on.
struct Kind {
  const char* name;
  StateKind state;
  bool local;
};
constexpr Kind kKinds[] = {{"sorted in memory", StateKind::sorted, false},
                           {"RocksDB in memory", StateKind::rocksdb, false},
                           {"RocksDB on local files", StateKind::rocksdb, true}};

class Store {
 public:
  explicit Store(Kind kind) : kind_(kind) {
    options.state = kind.state;
    options.threads = Threads::none;
    options.segment_size = 1u << 20;
    options.reserve_share = 0;
    options.mergers['m'] = &merger_;
    options.body_refs = &refs_;
  }
  Tablet& open() {
    tablet_.reset();
    auto volume = kind_.local ? open_local_volume(directory.path()) : open_memory_volume(disk);
    REQUIRE(volume.has_value());
    auto opened = Tablet::open(std::move(*volume), options);
    if (!opened) FAIL(opened.error().text());
    tablet_ = std::move(*opened);
    return *tablet_;
  }
  void close() { tablet_.reset(); }

  TabletOptions options;
  Directory directory;
  std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>();

 private:
  Kind kind_;
  AppendMerger merger_;
  TailRefs refs_;
  std::unique_ptr<Tablet> tablet_;
};

}  // namespace

TEST_CASE("a committed batch is read back, also after closing and opening again") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    Store store(kind);
    Tablet* tablet = &store.open();
    std::string body(100'000, 'b');
    Batch batch;
    batch.put("a", "1");
    batch.put("b", "2");
    std::size_t index = batch.body(body);
    batch.put_with_body("e", "head" + std::string(BodyRef::kSize, '.'), index, 4);
    batch.merge("m", "x");
    batch.merge("m", "y");
    auto info = tablet->commit_and_wait(std::move(batch));
    REQUIRE(info.has_value());
    CHECK(info->sequence == 1);
    for (int round = 0; round < 2; ++round) {
      CHECK(value_of(*tablet, "a") == "1");
      CHECK(value_of(*tablet, "b") == "2");
      CHECK(value_of(*tablet, "m") == "xy");
      std::string value = value_of(*tablet, "e");
      auto ref = BodyRef::decode(value.substr(4));
      REQUIRE(ref.has_value());
      CHECK(whole(*tablet, *ref) == body);
      if (round == 0) tablet = &store.open();
    }
    CHECK(tablet->sequence() == 1);
  }
}

TEST_CASE("operations of a batch take effect in their order") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    Store store(kind);
    Tablet& tablet = store.open();
    Batch batch;
    for (const char* key : {"k1", "k2", "k3", "k4"}) batch.put(key, "old");
    batch.erase_range("k2", "k4");
    batch.put("k3", "new");
    batch.erase("k1");
    batch.erase("never");
    REQUIRE(tablet.commit_and_wait(std::move(batch)).has_value());
    CHECK(value_of(tablet, "k1") == "absent");
    CHECK(value_of(tablet, "k2") == "absent");
    CHECK(value_of(tablet, "k3") == "new");
    CHECK(value_of(tablet, "k4") == "old");
  }
}

TEST_CASE("scan visits a range in both directions, with a limit, and never the store's own keys") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    Store store(kind);
    Tablet& tablet = store.open();
    Batch batch;
    for (char c = 'a'; c <= 'e'; ++c) batch.put(std::string(1, c), "v");
    REQUIRE(tablet.commit_and_wait(std::move(batch)).has_value());
    auto keys = [&](std::string_view from, std::string_view to, ScanOptions options) {
      std::string seen;
      REQUIRE(tablet
                  .scan(from, to, options,
                        [&](std::string_view key, std::string_view) {
                          seen.append(key);
                          return key == "stop" ? Step::stop : Step::next;
                        })
                  .has_value());
      return seen;
    };
    CHECK(keys("", "", {}) == "abcde");
    CHECK(keys("b", "d", {}) == "bc");
    CHECK(keys("b", "d", {.direction = Direction::backward}) == "cb");
    CHECK(keys("", "", {.limit = 2}) == "ab");
    CHECK(keys("", "", {.limit = 2, .direction = Direction::backward}) == "ed");
    CHECK(keys("d", "b", {}) == "");
    CHECK(keys("x", "", {}) == "");
  }
}

TEST_CASE("a view keeps what it saw, reads without one see the newest") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    Store store(kind);
    Tablet& tablet = store.open();
    REQUIRE(tablet.commit_and_wait(putting("k", "before")).has_value());
    ReadView view = tablet.view().value();
    REQUIRE(tablet.commit_and_wait(putting("k", "after")).has_value());
    CHECK(tablet.get("k", {.view = &view})->value() == "before");
    CHECK(value_of(tablet, "k") == "after");
    std::string_view wanted[] = {"k", "none", "k"};
    auto values = tablet.multi_get(wanted);
    REQUIRE(values.has_value());
    CHECK((*values)[0] == "after");
    CHECK_FALSE((*values)[1].has_value());
    view = {};
  }
}

TEST_CASE("every read from completed() on sees the batch, whoever reads: on a loop it may have to ask again") {
  class Reading final : public Completion {
   public:
    explicit Reading(Tablet& tablet) : tablet_(tablet) {}
    void completed(Result<CommitInfo> result) noexcept override {
      done = result.has_value();
      const auto value = tablet_.get("k", {nullptr, Tier::memory});
      on_loop = value ? value->value_or("absent") : value.error().is(kWouldBlock) ? "ask again" : value.error().text();
      view_on_loop = tablet_.view(Tier::memory).has_value();
      // Nobody waits for the committer, which stands here for as long as it takes.
      std::thread([&] {
        const ReadView view = tablet_.view().value();
        in_view = tablet_.get("k", {.view = &view})->value_or("absent");
      }).join();
      const auto again = tablet_.get("k", {nullptr, Tier::memory});
      afterwards = again ? again->value_or("absent") : again.error().text();
    }
    bool done = false;
    bool view_on_loop = false;
    std::string on_loop;
    std::string in_view;
    std::string afterwards;

   private:
    Tablet& tablet_;
  };
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    Store store(kind);
    Tablet& tablet = store.open();
    REQUIRE(tablet.commit_and_wait(putting("k", "old")).has_value());
    // The group's changes with the octets of their length: 4 KiB is the most that is answered first.
    const auto octets = [](std::size_t size) { return putting("k", std::string(size, 'n')).metadata_size() + 2; };
    const std::size_t most = 4096 - (octets(4000) - 4000);
    REQUIRE(octets(most) == 4096);
    for (const std::size_t size : {std::size_t{3}, most, most + 1}) {
      CAPTURE(size);
      const bool large = size > most;
      const std::string value(size, 'n');
      Reading reading(tablet);
      tablet.enqueue(putting("k", value), reading);
      CHECK(tablet.commit_waiting());
      CHECK(reading.done);
      // A large group is in the state before it is answered.
      CHECK(reading.on_loop == (large ? value : "ask again"));
      CHECK(reading.view_on_loop == large);
      CHECK(reading.in_view == value);
      CHECK(reading.afterwards == value);
      CHECK(value_of(tablet, "k") == value);
    }
  }
}

TEST_CASE("nobody waits for a large group to get into the state: until it is answered the state before it is right") {
  Store store({"RocksDB on local files", StateKind::rocksdb, true});
  store.options.threads = Threads::own;
  Tablet& tablet = store.open();
  REQUIRE(tablet.commit_and_wait(putting("k", "old")).has_value());
  // This small group was answered first and may still be on its way into the state; a read that waits sees it there.
  REQUIRE(value_of(tablet, "k") == "old");
  std::atomic<bool> over{false};
  std::uint64_t waited = 0;
  std::thread reader([&] {
    while (!over) {
      const auto value = tablet.get("k", {nullptr, Tier::memory});
      waited += !value && value.error().text().find("about to get") != std::string::npos;
    }
  });
  for (int i = 0; i < 5; ++i) {
    Batch batch;
    for (int n = 0; n < 20'000; ++n) batch.put("n" + std::to_string(n), std::string(50, 'v'));
    CHECK(tablet.commit_and_wait(std::move(batch)).has_value());
  }
  over = true;
  reader.join();
  CHECK(waited == 0);
}

TEST_CASE("a view taken before a batch is answered reads what it saw, also while the state is about to get the batch") {
  class Looking final : public Completion {
   public:
    Looking(Tablet& tablet, ReadView view) : tablet_(tablet), view_(std::move(view)) {}
    void completed(Result<CommitInfo> /*result*/) noexcept override {
      seen = tablet_.get("k", {&view_, Tier::memory}).value().value_or("absent");
      expected = tablet_.get("k").value().value_or("absent");
    }
    std::string seen;
    std::string expected;

   private:
    Tablet& tablet_;
    ReadView view_;
  };
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    Store store(kind);
    Tablet& tablet = store.open();
    REQUIRE(tablet.commit_and_wait(putting("k", "old")).has_value());
    Looking looking(tablet, tablet.view().value());
    tablet.enqueue(putting("k", "new"), looking);
    CHECK(tablet.commit_waiting());
    CHECK(looking.seen == "old");
    CHECK(looking.expected == "new");
  }
}

TEST_CASE("an expectation that fails refuses its batch only, and sees the batches before it in the same group") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    Store store(kind);
    Tablet& tablet = store.open();
    std::vector<std::unique_ptr<Waiter>> waiters;
    auto enqueue = [&](Batch batch) {
      waiters.push_back(std::make_unique<Waiter>());
      tablet.enqueue(std::move(batch), *waiters.back());
    };
    Batch first = putting("k", "1");
    first.merge("m", "ab");
    enqueue(std::move(first));
    Batch second = putting("k", "2");
    second.expect("k", "1");
    second.expect("m", "ab");
    enqueue(std::move(second));
    Batch third = putting("k", "3");
    third.expect("k", "1");
    enqueue(std::move(third));
    Batch fourth = putting("other", "x");
    fourth.expect("absent", std::nullopt);
    fourth.erase_range("a", "z");
    enqueue(std::move(fourth));
    Batch fifth = putting("fifth", "x");
    fifth.expect("k", std::nullopt);
    enqueue(std::move(fifth));
    CHECK(tablet.commit_waiting());
    CHECK(waiters[0]->result->has_value());
    CHECK((*waiters[1]->result)->sequence == 2);
    REQUIRE_FALSE(waiters[2]->result->has_value());
    CHECK(waiters[2]->result->error().is(kExpectation));
    CHECK((*waiters[3]->result)->sequence == 3);
    CHECK((*waiters[4]->result)->sequence == 4);
    CHECK(value_of(tablet, "k") == "absent");
    CHECK(tablet.stats().groups == 1);
  }
}

TEST_CASE("limits: what is beyond one is refused, what is at it is taken") {
  Store store(kKinds[0]);
  Tablet& tablet = store.open();
  auto outcome = [&](Batch batch) {
    auto done = tablet.commit_and_wait(std::move(batch));
    return done ? "taken" : done.error().is(kTooLarge) ? "too large" : "other";
  };
  CHECK(outcome(putting(std::string(kKeyMax, 'k'), "")) == std::string("taken"));
  CHECK(outcome(putting(std::string(kKeyMax + 1, 'k'), "")) == std::string("too large"));
  CHECK(outcome(putting("", "")) == std::string("too large"));
  CHECK(outcome(putting(std::string_view("\0a", 2), "")) == std::string("too large"));
  CHECK(outcome(putting("k", std::string(kValueMax, 'v'))) == std::string("taken"));
  CHECK(outcome(putting("k", std::string(kValueMax + 1, 'v'))) == std::string("too large"));
  for (std::size_t extra : {0, 1}) {
    Batch body;
    body.body(std::string(kGroupBodyMax + extra, 'b'));
    CHECK(outcome(std::move(body)) == std::string(extra == 0 ? "taken" : "too large"));
    Batch many;
    for (std::size_t i = 0; i < kBatchBodiesMax + extra; ++i) many.body("b");
    CHECK(outcome(std::move(many)) == std::string(extra == 0 ? "taken" : "too large"));
    Batch large;
    for (std::size_t i = 0; i < kBatchOctetsMax / kGroupBodyMax; ++i) large.body(std::string(kGroupBodyMax, 'b'));
    if (extra != 0) large.body("b");
    CHECK(outcome(std::move(large)) == std::string(extra == 0 ? "taken" : "too large"));
  }
  Batch slot;
  slot.body("x");
  slot.put_with_body("k", std::string(BodyRef::kSize, '.'), 0, 1);
  CHECK(outcome(std::move(slot)) == std::string("too large"));
}

TEST_CASE("a body is read in parts, verified by chunks") {
  Store store(kKinds[0]);
  Tablet& tablet = store.open();
  SeededRandom random(1);
  for (std::size_t size : {0ul, 1ul, 65535ul, 65536ul, 65537ul, 131072ul, 200'001ul, kGroupBodyMax}) {
    std::string body = random.octets(size);
    Waiter waiter;
    Batch batch;
    std::string_view spans[] = {
        std::string_view(body).substr(0, size / 3), {}, std::string_view(body).substr(size / 3)};
    batch.body(spans);
    tablet.enqueue(std::move(batch), waiter);
    tablet.commit_waiting();
    REQUIRE(waiter.result->has_value());
    const BodyRef& ref = waiter.batch().body_ref(0);
    CHECK(ref.length == size);
    CHECK(whole(tablet, ref) == body);
    for (int i = 0; i < 20; ++i) {
      std::size_t from = random.below(size + 1);
      std::string part(random.below(size - from + 1), '\0');
      REQUIRE(tablet.read_body(ref, from, part).has_value());
      CHECK(part == body.substr(from, part.size()));
    }
    std::string beyond(1, '\0');
    CHECK(tablet.read_body(ref, size, beyond).error().is(kMissing));
  }
}

TEST_CASE("a large body streams aside, and survives once sealed and referred to") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    Store store(kind);
    Tablet* tablet = &store.open();
    std::string body = SeededRandom(2).octets(3'000'001);
    auto writer = tablet->open_body();
    REQUIRE(writer.has_value());
    for (std::size_t at = 0; at < body.size(); at += 700'000)
      REQUIRE((*writer)->append(std::string_view(body).substr(at, 700'000)).has_value());
    auto ref = (*writer)->seal();
    REQUIRE(ref.has_value());
    CHECK_FALSE((*writer)->append("more").has_value());
    writer->reset();
    // An aborted one leaves nothing that hurts, and the next goes where it was.
    auto aborted = tablet->open_body();
    REQUIRE((*aborted)->append("garbage").has_value());
    aborted->reset();
    auto second = tablet->open_body();
    REQUIRE((*second)->append("second").has_value());
    auto second_ref = (*second)->seal();
    second->reset();
    auto encoded = ref->encode();
    REQUIRE(tablet->commit_and_wait(putting("big", std::string_view(encoded.data(), encoded.size()))).has_value());
    tablet = &store.open();
    CHECK(whole(*tablet, *BodyRef::decode(value_of(*tablet, "big"))) == body);
    CHECK(whole(*tablet, *second_ref) == "second");
    CHECK(tablet->open_body().value()->append(std::string(BodyWriter::kAppendMax + 1, 'x')).error().is(kTooLarge));
  }
}

TEST_CASE("the log rolls over many segments, and replay finds all of it") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    Store store(kind);
    store.options.segment_size = 300'000;
    Tablet* tablet = &store.open();
    for (int i = 0; i < 40; ++i) {
      Batch batch;
      std::size_t body = batch.body(std::string(50'000, static_cast<char>('A' + i % 26)));
      batch.put_with_body("e" + std::to_string(i), std::string(BodyRef::kSize, '.'), body, 0);
      REQUIRE(tablet->commit_and_wait(std::move(batch)).has_value());
    }
    CHECK(tablet->stats().segments > 6);
    for (int round = 0; round < 2; ++round) {
      for (int i = 0; i < 40; ++i)
        CHECK(whole(*tablet, *BodyRef::decode(value_of(*tablet, "e" + std::to_string(i)))) ==
              std::string(50'000, static_cast<char>('A' + i % 26)));
      tablet = &store.open();
    }
    CHECK(tablet->verify()->damage.empty());
  }
}

TEST_CASE("small groups leave a segment that is not zeroed, large ones stay") {
  Store store(kKinds[0]);
  store.options.segment_size = 64u << 20;
  Tablet* tablet = &store.open();
  auto put = [&](int count, std::size_t octets) {
    for (int i = 0; i < count; ++i) {
      Batch batch;
      if (octets > 1000) batch.body(std::string(octets, 'b'));
      batch.put("k" + std::to_string(i), std::string(100, 'v'));
      REQUIRE(tablet->commit_and_wait(std::move(batch)).has_value());
    }
    return tablet->stats().segments;
  };
  const auto bulk = put(30, 200'000);  // fills the first, which is zeroed; the next is not
  CHECK(bulk == 2);
  CHECK(put(300, 30'000) == bulk);
  CHECK(put(800, 100) == bulk + 1);  // a short, zeroed one
  CHECK(put(800, 100) == bulk + 1);
  tablet = &store.open();
  for (int i = 0; i < 800; ++i) CHECK(value_of(*tablet, "k" + std::to_string(i)) == std::string(100, 'v'));
  CHECK(tablet->verify()->damage.empty());
}

TEST_CASE("two cannot open one store") {
  Store store(kKinds[2]);
  store.open();
  auto second = open_local_volume(store.directory.path());
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().is(kLocked));
  auto disk = std::make_shared<MemoryDisk>();
  auto first = open_memory_volume(disk);
  CHECK(open_memory_volume(disk).error().is(kLocked));
  first->reset();
  CHECK(open_memory_volume(disk).has_value());
}

TEST_CASE("a local volume may be the root of a file system: what has no name of its own is not the store's") {
  Directory directory;
  std::filesystem::create_directory(directory.path() + "/lost+found");
  std::ofstream(directory.path() + "/lost+found/segment.1") << "x";
  auto volume = open_local_volume(directory.path()).value();
  CHECK(volume->list().value().empty());
}

TEST_CASE("the names that a store's directory may hold") {
  for (const char* name : {"lock", "table", "table.new", "table.former", "table.former.new", "ballast", "state",
                           "state.new", "segment.00000001", "segment.123456789"})
    CHECK(is_name_of_store(name));
  for (const char* name : {"", "x", "log", "segment.", "segment.1", "segment.0000000x", "state.new.new.new",
                           "lost+found", "tables", "segment.00000001.bak"})
    CHECK_FALSE(is_name_of_store(name));
}

TEST_CASE("many threads commit through one committer; each completion comes once, wakes are grouped") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    Store store(kind);
    store.options.threads = Threads::own;
    Tablet& tablet = store.open();
    std::vector<std::thread> threads;
    std::atomic<int> failures = 0;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 100; ++i) {
          Batch batch;
          std::size_t body = batch.body("body of " + std::to_string(t) + "/" + std::to_string(i));
          batch.put_with_body(KeyWriter().u8('e').u32(t).u32(i).key(), std::string(BodyRef::kSize, '.'), body, 0);
          if (!tablet.commit_and_wait(std::move(batch))) ++failures;
        }
      });
    for (std::thread& thread : threads) thread.join();
    CHECK(failures == 0);
    CHECK(tablet.sequence() == 400);
    for (int t = 0; t < 4; ++t)
      for (int i = 0; i < 100; ++i)
        CHECK(whole(tablet, *BodyRef::decode(value_of(tablet, KeyWriter().u8('e').u32(t).u32(i).key()))) ==
              "body of " + std::to_string(t) + "/" + std::to_string(i));
  }
}

TEST_CASE("below the reserve bodies are refused and other changes are not; with room again all goes on") {
  Store store(kKinds[0]);
  store.options.reserve = 2u << 20;
  store.options.reserve_share = 1;
  store.disk->capacity = 8u << 20;
  Tablet& tablet = store.open();
  CHECK(tablet.accepting());
  store.disk->capacity = 3u << 20;
  REQUIRE(tablet.commit_and_wait(putting("k", "1")).has_value());  // the keeper looks after each group
  CHECK_FALSE(tablet.accepting());
  Batch mail;
  mail.body("mail");
  CHECK(tablet.commit_and_wait(std::move(mail)).error().is(kStoreFull));
  CHECK(tablet.open_body().error().is(kStoreFull));
  REQUIRE(tablet.commit_and_wait(putting("k", "2")).has_value());
  store.disk->capacity = 8u << 20;
  REQUIRE(tablet.commit_and_wait(putting("k", "3")).has_value());
  Batch again;
  again.body("mail");
  CHECK(tablet.commit_and_wait(std::move(again)).has_value());
}

TEST_CASE("operations are read until one is malformed: cut short, of no kind, or a range that ends before it begins") {
  const auto whole = [](std::string_view octets) {
    OperationReader reader(octets);
    while (reader.next()) {
    }
    return reader.ok();
  };
  CHECK(whole("\3\1a\1b"));
  CHECK_FALSE(whole("\3\1a\1a"));
  CHECK_FALSE(whole("\3\1b\1a"));
  CHECK_FALSE(whole(std::string_view("\3\1a\0", 4)));
  CHECK_FALSE(whole("\5\1a\1b"));
  CHECK_FALSE(whole("\1\1a\2b"));
  CHECK_FALSE(whole("\2\3a"));
}

TEST_CASE("what was enqueued behind a batch that a full disk refused is refused, too, though there is room again") {
  Store store(kKinds[0]);
  store.options.group_size_max = 1;  // each batch is a group
  store.options.segment_size = 64u << 10;
  Tablet& tablet = store.open();
  struct Emptied final : Completion {
    void completed(Result<CommitInfo> outcome) noexcept override {
      result = std::move(outcome);
      disk->capacity = UINT64_MAX;
    }
    MemoryDisk* disk = nullptr;
    std::optional<Result<CommitInfo>> result;
  } first;
  first.disk = store.disk.get();
  Waiter second;
  store.disk->capacity = 1;
  tablet.enqueue(putting("k1", std::string(100'000, 'x')), first);
  tablet.enqueue(putting("k2", "built on the first"), second);
  while (tablet.commit_waiting()) {
  }
  REQUIRE(first.result.has_value());
  CHECK(first.result->error().is(kStoreFull));
  REQUIRE(second.result.has_value());
  CHECK(second.result->error().is(kStoreFull));
  CHECK(tablet.commit_and_wait(putting("k3", "later")).has_value());
  CHECK(value_of(tablet, "k2") == "absent");
}

}  // namespace angarium::store
