// A failed write, sync or flush is mended while the tablet stays open.
#include <atomic>
#include <thread>

#include "store/testing.h"
#include "support/test.h"

namespace angarium::store {
namespace {

using namespace angarium::store::testing;

class Fixture : public OnFaultyDisk {
 public:
  explicit Fixture(StateKind state = StateKind::sorted, Threads threads = Threads::none) : OnFaultyDisk(state) {
    options.threads = threads;
    if (threads != Threads::none) options.clock = &system_clock();
    options.on_stop = [this](const Error&) { ++stops; };
    open();
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;
  ~Fixture() { tablet.reset(); }  // before what it calls
  Result<CommitInfo> put(std::string_view key, std::string_view value) {
    Batch batch;
    batch.put(key, value);
    return tablet->commit_and_wait(std::move(batch));
  }
  std::string get(std::string_view key) {
    auto value = tablet->get(key);
    return !value ? "error " + value.error().text() : value->value_or("absent");
  }
  void reopen_after_power_loss() {
    power_loss();
    open();
  }

  std::atomic<int> stops{0};
};

}  // namespace

TEST_CASE("one failed write or sync of the log is mended at once: nobody hears of it, and it outlives a power loss") {
  for (bool sync : {true, false}) {
    Fixture f;
    REQUIRE(f.put("a", "1").has_value());
    FaultyDisk::Faults faults;
    (sync ? faults.fail_sync_at : faults.short_write_at) = 1;
    f.disk->arm(faults);
    CHECK(f.put("b", "2").has_value());
    CHECK(f.stops == 0);
    CHECK(f.put("c", "3").has_value());
    CHECK(f.tablet->verify()->damage.empty());
    f.reopen_after_power_loss();
    CHECK(f.get("a") + f.get("b") + f.get("c") == "123");
  }
}

TEST_CASE("while the disk fails batches are refused, reads go on, and attempts are ever rarer; then it runs again") {
  Fixture f;
  REQUIRE(f.put("a", "1").has_value());
  f.disk->arm({.fail_sync_at = 1, .syncs_failing = 1'000'000});
  CHECK(f.put("b", "2").error().is(kStopped));
  CHECK(!f.tablet->running());
  CHECK(f.stops == 1);
  CHECK(f.get("a") == "1");
  CHECK(f.get("b") == "absent");
  CHECK(f.tablet->open_body().error().is(kStopped));

  std::uint64_t seconds = 0;
  std::vector<std::uint64_t> attempts;
  std::uint64_t written = f.disk->written();
  for (; seconds < 400; ++seconds) {
    f.clock.advance(std::chrono::seconds(1));
    f.tablet->commit_waiting();
    if (f.disk->written() != written) attempts.push_back(seconds + 1);
    written = f.disk->written();
  }
  CHECK(attempts == std::vector<std::uint64_t>{1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363});
  CHECK(f.stops == 1);
  CHECK(f.put("b", "2").error().is(kStopped));

  f.disk->arm({});
  f.clock.advance(std::chrono::minutes(1));
  f.tablet->commit_waiting();
  CHECK(f.tablet->running());
  CHECK(f.put("b", "3").has_value());
  f.reopen_after_power_loss();
  CHECK(f.get("a") == "1");
  CHECK(f.get("b") == "3");
}

TEST_CASE("what was enqueued behind a batch that failed is refused as well, also when the tablet runs again") {
  Fixture f;
  f.options.group_size_max = 1;
  f.reopen_after_power_loss();
  f.disk->arm({.fail_sync_at = 1, .syncs_failing = 2});
  Waiter first;
  Waiter second;
  Batch one;
  one.put("a", "1");
  Batch two;
  two.put("b", "2");
  f.tablet->enqueue(std::move(one), first);
  f.tablet->enqueue(std::move(two), second);
  CHECK(f.tablet->commit_waiting());
  REQUIRE(first.result.has_value());
  CHECK(first.result->error().is(kStopped));
  f.clock.advance(std::chrono::minutes(1));
  f.tablet->commit_waiting();
  CHECK(f.tablet->running());
  REQUIRE(second.result.has_value());
  CHECK(second.result->error().is(kStopped));
  CHECK(f.get("b") == "absent");
  CHECK(f.put("b", "3").has_value());
}

TEST_CASE("a flush of the state that fails costs nobody anything: the state is opened again and replayed") {
  for (StateKind kind : {StateKind::sorted, StateKind::rocksdb}) {
    Fixture f(kind);
    REQUIRE(f.put("large", std::string(5000, 'x')).has_value());
    for (int i = 0; i < 20; ++i) REQUIRE(f.put("k" + std::to_string(i), std::to_string(i)).has_value());
    REQUIRE(f.tablet->flush().has_value());
    for (int i = 20; i < 40; ++i) REQUIRE(f.put("k" + std::to_string(i), std::to_string(i)).has_value());
    FaultyDisk::Faults faults;
    if (kind == StateKind::rocksdb) faults.fail_sync_at = 1;
    if (kind == StateKind::sorted) {
      // Room for what changed, so that the flush begins, and not for all that is written then.
      std::uint64_t used = 0;
      for (const FileEntry& file : f.disk->files()) used += file.size;
      f.disk->set_capacity(used + 2000);
    }
    f.disk->arm(faults);
    CHECK(!f.tablet->flush().has_value());
    f.disk->set_capacity(UINT64_MAX);
    CHECK(f.get("k39") == "39");
    CHECK(f.put("after", "1").has_value());
    CHECK(f.tablet->running());
    CHECK(f.stops == 0);
    CHECK(f.tablet->stats().replayed == 20);
    for (int i = 0; i < 40; ++i) CHECK(f.get("k" + std::to_string(i)) == std::to_string(i));
    CHECK(f.tablet->flush().has_value());
    f.reopen_after_power_loss();
    CHECK(f.get("after") == "1");
    CHECK(f.get("k20") == "20");
  }
}

TEST_CASE(
    "a state that does not take what was answered is mended; until then readers hear kStopped, never old values") {
  /// Lets the state fail in the middle of a commit: after the committer looked, before the group is written.
  class Meddling final : public ManualClock {
   public:
    [[nodiscard]] WallTime wall() const override {
      if (Fixture* const f = std::exchange(meddle_with, nullptr); f != nullptr) {
        f->disk->arm({.fail_sync_at = 1});
        CHECK(!f->tablet->flush().has_value());
      }
      return ManualClock::wall();
    }
    mutable Fixture* meddle_with = nullptr;
  };
  class Reading final : public Completion {
   public:
    explicit Reading(Fixture& f) : f_(f) {}
    void completed(Result<CommitInfo> result) noexcept override {
      done = result.has_value();
      const auto value = f_.tablet->get("a");
      read = !value && value.error().is(kStopped) ? "stopped" : f_.get("a");
      viewed = f_.tablet->view().has_value();
      if (then_no_room) f_.disk->set_capacity(0);
    }
    bool done = false;
    bool viewed = true;
    bool then_no_room = false;
    std::string read;

   private:
    Fixture& f_;
  };
  for (const bool mends_at_once : {true, false}) {
    CAPTURE(mends_at_once);
    Meddling clock;
    Fixture f(StateKind::rocksdb);
    f.options.clock = &clock;
    f.reopen_after_power_loss();
    REQUIRE(f.put("a", "1").has_value());
    Reading reading(f);
    reading.then_no_room = !mends_at_once;
    Batch batch;
    batch.put("a", "2");
    f.tablet->enqueue(std::move(batch), reading);
    clock.meddle_with = &f;
    CHECK(f.tablet->commit_waiting());
    CHECK(reading.done);
    CHECK(reading.read == "stopped");
    CHECK(!reading.viewed);
    if (!mends_at_once) {
      CHECK(!f.tablet->running());
      CHECK(f.tablet->get("a").error().is(kStopped));
      CHECK(f.put("b", "1").error().is(kStopped));
      f.disk->set_capacity(UINT64_MAX);
      clock.advance(std::chrono::minutes(1));
      f.tablet->commit_waiting();
    }
    CHECK(f.tablet->running());
    CHECK(f.get("a") == "2");
    CHECK(f.put("a", "3").has_value());
    f.reopen_after_power_loss();
    CHECK(f.get("a") == "3");
  }
}

TEST_CASE("the state is not closed under a reader's view; a view of the state before is refused, never misread") {
  Fixture f(StateKind::rocksdb);
  REQUIRE(f.put("a", "1").has_value());
  ReadView view = f.tablet->view().value();
  f.disk->arm({.fail_sync_at = 1});
  CHECK(!f.tablet->flush().has_value());
  CHECK(f.put("a", "2").error().is(kStopped));
  CHECK(f.tablet->get("a", {&view, Tier::any}).value().value() == "1");
  CHECK(f.get("a") == "1");
  view = {};
  f.clock.advance(std::chrono::minutes(1));
  f.tablet->commit_waiting();
  CHECK(f.put("a", "3").has_value());
  CHECK(f.get("a") == "3");
}

TEST_CASE("threads that write and read while syncs and flushes fail: what was acknowledged is there, in order") {
  Fixture f(StateKind::rocksdb, Threads::own);
  constexpr int kWriters = 4;
  constexpr int kBatches = 150;
  std::array<std::vector<int>, kWriters> acknowledged;
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  threads.reserve(kWriters + 2);
  for (int w = 0; w < kWriters; ++w) {
    threads.emplace_back([&, w] {
      for (int i = 0; i < kBatches; ++i) {
        const std::string key = "k" + std::to_string(w) + "." + std::to_string(i);
        if (f.put(key, "x")) acknowledged[static_cast<std::size_t>(w)].push_back(i);
      }
    });
  }
  std::atomic<std::uint64_t> wrong{0};
  threads.emplace_back([&] {
    while (!over) {
      const Result<ReadView> view = f.tablet->view();
      if (!view) {
        wrong += !view.error().is(kStopped);
        continue;
      }
      auto scanned = f.tablet->scan("k", "l", {},
                                    [&](std::string_view, std::string_view value) {
                                      wrong += value != "x";
                                      return Step::next;
                                    },
                                    {&*view, Tier::any});
      if (!scanned && !scanned.error().is(kStopped)) ++wrong;
    }
  });
  threads.emplace_back([&] {
    for (int i = 0; i < 12; ++i) {
      f.disk->arm({.fail_sync_at = 1});
      (void)f.tablet->flush();  // either it fails, or a commit's sync did
      std::this_thread::yield();
    }
    f.disk->arm({});
  });
  for (int w = 0; w < kWriters; ++w) threads[static_cast<std::size_t>(w)].join();
  over = true;
  for (std::size_t i = kWriters; i < threads.size(); ++i) threads[i].join();
  CHECK(wrong == 0);
  f.reopen_after_power_loss();
  std::size_t count = 0;
  for (int w = 0; w < kWriters; ++w) {
    for (int i : acknowledged[static_cast<std::size_t>(w)])
      CHECK(f.get("k" + std::to_string(w) + "." + std::to_string(i)) == "x");
    count += acknowledged[static_cast<std::size_t>(w)].size();
  }
  CHECK(count > 0);
}

TEST_CASE("a killed process loses nothing that was written, and what it still does goes nowhere") {
  Fixture f;
  REQUIRE(f.put("a", "1").has_value());
  const auto dead = std::move(f.tablet);
  f.disk->kill();
  Batch batch;
  batch.put("a", "2");
  CHECK(dead->commit_and_wait(std::move(batch)).error().is(kStopped));
  f.open();
  CHECK(f.get("a") == "1");
  CHECK(f.put("b", "2").has_value());
  CHECK(f.tablet->verify()->damage.empty());
}

TEST_CASE("without threads whoever drives the tablet is told of each batch that waits, and commits it later") {
  OnFaultyDisk f;
  int told = 0;
  f.options.on_waiting = [&told] { ++told; };
  f.open();
  Waiter waiter;
  Batch batch;
  batch.put("a", "1");
  f.tablet->enqueue(std::move(batch), waiter);
  CHECK(told == 1);
  CHECK(!waiter.result);
  CHECK(f.tablet->commit_waiting());
  CHECK(waiter.result->has_value());
  CHECK(told == 1);
}

}  // namespace angarium::store
