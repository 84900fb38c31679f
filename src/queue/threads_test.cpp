// Several real loops work in one queue at once: everything is sent once, and nothing is left.
#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "io/event.h"
#include "queue/queue.h"
#include "queue/record.h"
#include "queue/test_world.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::queue;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kWorkers = 3;
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uint64_t kMessages = 60;
#else
constexpr std::uint64_t kMessages = 400;
#endif
#else
constexpr std::uint64_t kMessages = 400;
#endif
constexpr std::uint64_t kDestinations = 5;

std::string destination(std::uint64_t number) { return "d" + std::to_string(number % kDestinations) + ".example"; }

struct Shared {
  Shared() {
    store::TabletOptions options;
    options.state = store::StateKind::sorted;
    options.body_refs = &records;
    options.reserve = 0;
    tablet = store::Tablet::open(*store::open_memory_volume(disk), options).value();
    queue = Queue::make(*tablet, pool);
  }
  void sent(const Job& job) {
    const std::lock_guard lock(mutex);
    ++times[{job.entry->id, job.consignment.destination}];
  }

  std::shared_ptr<store::MemoryDisk> disk = std::make_shared<store::MemoryDisk>();
  io::Pool pool{{.name = "test", .threads = 2}};
  Records records;
  std::unique_ptr<store::Tablet> tablet;
  std::unique_ptr<Queue> queue;
  std::mutex mutex;
  std::map<std::pair<DeliveryId, std::string>, int> times;  ///< how often it was sent
  std::atomic<std::uint64_t> owed{kWorkers * kMessages * 2};
};

/// What a worker does is drawn by its own seed.
class Worker {
 public:
  Worker(Shared& shared, std::uint64_t number) : shared_(shared), number_(number), random_(number + 1) {}

  /// The loop outlives the threads that answer it: one may still be on its way to wake it when the last answer is
  /// taken.
  void run(io::Loop& loop) {
    loop.spawn([](Worker& self, io::Loop& on) -> io::Task<> {
      io::Event admitted;
      on.spawn([](Worker& one, io::Event& ended) -> io::Task<> {
        co_await one.admit_all();
        ended.set();
      }(self, admitted));
      co_await self.send_all(on);
      co_await admitted.wait();
      on.stop();
    }(*this, loop));
    loop.run();
  }

 private:
  io::Task<bool> commit(store::Batch batch, Change change) {
    const auto outcome = co_await queue::commit(*shared_.tablet, std::move(batch));
    if (outcome) change.done();
    co_return outcome.has_value();
  }

  io::Task<> admit_all() {
    for (std::uint64_t i = 0; i < kMessages; ++i) {
      Entry entry;
      entry.id = DeliveryId(1 + number_ * kMessages + i);
      entry.sender = envelope::parse_sender("<a@example.test>").value();
      entry.arrived = system_clock().wall();
      entry.expires = {entry.arrived.microseconds + Duration(24h).count()};
      std::vector<Lot> lots;
      for (const std::uint64_t other : {i, i + 1 + i % 2})
        lots.push_back({.destination = destination(other),
                        .recipients = {queue::test::recipient("<u@" + destination(other) + ">")},
                        .priority = static_cast<int>(i % 3)});
      store::Batch batch;
      const std::size_t body = batch.body("body");
      Change change = shared_.queue->admit(entry, std::move(lots), body, batch).value();
      (void)co_await commit(std::move(batch), std::move(change));
      if (i % 7 == 0) co_await claim(DeliveryId(1 + random_.below(kWorkers * kMessages)));
    }
  }

  io::Task<> send_all(io::Loop& loop) {
    while (shared_.owed != 0) {
      if (number_ == 0) (void)co_await shared_.queue->gather();
      for (const std::string& name : shared_.queue->awake()) {
        // Two connections to one destination.
        io::Event ended;
        loop.spawn(other(name, ended));
        co_await send(name);
        co_await ended.wait();
        while (true) {
          const auto rested = co_await shared_.queue->rest(name);
          if (rested && *rested) break;
          co_await send(name);
        }
      }
      co_await loop.yield();
    }
  }
  io::Task<> other(std::string name, io::Event& ended) {
    co_await send(std::move(name));
    ended.set();
  }
  io::Task<> send(std::string name) {
    while (true) {
      auto job = co_await shared_.queue->take(name);
      if (!job || !*job) co_return;
      switch (random_.below(8)) {
        case 0: shared_.queue->put_back(**job); break;
        case 1: co_await settle(**job, (*job)->consignment.addressees); break;
        case 2: co_await back_off(name, **job); break;
        default: shared_.sent(**job); co_await settle(**job, {});
      }
    }
  }
  io::Task<> settle(const Job& job, std::vector<Addressee> owed) {
    store::Batch batch;
    const bool done = owed.empty();
    Change change = shared_.queue->settle(job, std::move(owed), system_clock().wall(), batch);
    if (co_await commit(std::move(batch), std::move(change)) && done) --shared_.owed;
  }
  io::Task<> back_off(const std::string& name, const Job& job) {
    store::Batch batch;
    Change change = shared_.queue->back_off(
        name, {.failures = 1, .since = {}, .next = {system_clock().wall().microseconds + 2000}, .trouble = {}}, batch);
    (void)co_await commit(std::move(batch), std::move(change));
    shared_.queue->put_back(job);
  }
  io::Task<> claim(DeliveryId id) {
    auto jobs = co_await shared_.queue->claim(id);
    if (!jobs) co_return;
    for (const Job& job : *jobs) {
      store::Batch batch;
      Change change = shared_.queue->hold(job, Hold::none, batch);
      (void)co_await commit(std::move(batch), std::move(change));
    }
  }

  Shared& shared_;
  std::uint64_t number_;
  SeededRandom random_;
};

}  // namespace

TEST_CASE("several loops admit, take, settle, rest and claim at once: each consignment ends once, and none is left") {
  io::SimulatedLoop loop;  // outlives the pool, whose thread may still be leaving it after the last answer
  std::vector<std::unique_ptr<io::Loop>> loops;
  for (std::uint64_t i = 0; i < kWorkers; ++i) loops.push_back(io::make_loop().value());
  Shared shared;
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < kWorkers; ++i)
    threads.emplace_back([&shared, i, &on = *loops[i]] { Worker(shared, i).run(on); });
  for (std::thread& one : threads) one.join();
  CHECK(shared.times.size() == kWorkers * kMessages * 2);
  CHECK(std::ranges::all_of(shared.times, [](const auto& one) { return one.second == 1; }));
  loop.spawn([](Queue& queue) -> io::Task<> { CHECK((co_await queue.gather()).has_value()); }(*shared.queue));
  loop.settle();
  std::size_t left = 0;
  CHECK(shared.tablet->scan("qD", "qJ", {}, [&](std::string_view key, std::string_view) {
    left += key.starts_with("qH") ? 0U : 1U;
    return store::Step::next;
  }));
  CHECK(left == 0);
}
