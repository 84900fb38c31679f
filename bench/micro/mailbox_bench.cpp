// What a big mailbox costs: SELECT warm and cold, STORE 1:*, ENVELOPE and BODYSTRUCTURE of all, deliveries. On RocksDB
// in a directory of its own, which is removed afterwards.
//
//   build/release/bench/micro/mailbox_bench
//   ANGARIUM_SEALED=1 build/release/bench/micro/mailbox_bench     with mail sealed (store.encryption)
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "io/memory.h"
#include "io/pool.h"
#include "mailbox/mailbox.h"
#include "mailbox/records.h"
#include "store/tablet.h"

namespace {

using namespace angarium;
using namespace angarium::mailbox;

constexpr AccountId kAccount = 1;
constexpr int kMessages = 100'000;

std::string text(int number) {
  return "From: Some Body <some.body@example.test>\r\nTo: another@example.test\r\nDate: Tue, 1 Jul 2003 10:52:37 "
         "+0200\r\n"
         "Message-ID: <" +
         std::to_string(number) + "@example.test>\r\nSubject: message number " + std::to_string(number) +
         "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + std::string(1500, 'x') + "\r\n";
}

class World {
 public:
  static World& get() {
    static World world;
    return world;
  }
  template <class T>
  T run(io::Task<Result<T>> task) {
    std::optional<Result<T>> result;
    loop.spawn(keep(std::move(task), result));
    loop.settle();
    if (!result || !*result) {
      std::fprintf(stderr, "%s\n", result ? result->error().text().c_str() : "a task did not end");
      std::abort();
    }
    if constexpr (!std::is_void_v<T>) return **std::move(result);
  }
  ~World() {
    mail.reset();
    store.reset();
    keys.reset();
    tablet.reset();
    std::filesystem::remove_all(directory);
  }
  Delivery delivery(int number) {
    Delivery result;
    result.content = sealed ? make_sealed_content(text(number)).value() : make_content(text(number));
    result.recipients.push_back({.account = kAccount, .prepended = "Return-Path: <a@example.test>\r\n"});
    return result;
  }
  static io::Task<> deliver(MailboxStore& store, Delivery delivery) {
    (void)co_await store.deliver(std::move(delivery));
  }

  io::SimulatedLoop loop;
  io::Pool pool{{.name = "bench"}};
  Records records;
  std::string directory;
  const bool sealed = std::getenv("ANGARIUM_SEALED") != nullptr;
  std::unique_ptr<store::Tablet> tablet;
  std::unique_ptr<keyring::Keys> keys;
  std::unique_ptr<MailboxStore> store;
  AccountMailPtr mail;
  MailboxId inbox = 0;

 private:
  World() {
    std::string name = (std::filesystem::temp_directory_path() / "mailbox-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    directory = name;
    store::TabletOptions options;
    options.mergers[kKeyOctet] = &records;
    options.body_refs = &records;
    tablet = store::Tablet::open(store::open_local_volume(directory + "/store").value(), options).value();
    keys = std::make_unique<keyring::Keys>(*tablet, directory + "/keys");
    store = MailboxStore::make(
        *tablet, pool, {.clock = &loop.clock(), .keys = keys.get(), .sealing = sealed ? Sealing::on : Sealing::off});
    run(store->create_account(kAccount, {}));
    mail = run(store->account(kAccount));
    inbox = mail->listing()->find("INBOX")->id;
    for (int i = 0; i < kMessages; ++i) {
      loop.spawn(deliver(*store, delivery(i)));
      if (i % 1000 == 999) loop.settle();
    }
  }
  template <class T>
  static io::Task<> keep(io::Task<Result<T>> task, std::optional<Result<T>>& result) {
    result.emplace(co_await std::move(task));
  }
};

void select_warm(benchmark::State& state) {
  World& world = World::get();
  (void)world.run(world.mail->view(world.inbox));
  for (auto _ : state) {
    // Something changed since the last view, as after a delivery.
    state.PauseTiming();
    (void)world.run(world.mail->change_flags(
        world.inbox, {{5, 5}}, {state.iterations() % 2 ? FlagMode::add : FlagMode::remove, {kFlagged, {}}}));
    state.ResumeTiming();
    const ViewPtr view = world.mail->view_now(world.inbox);
    benchmark::DoNotOptimize(view->first_unseen());
  }
}
BENCHMARK(select_warm)->Unit(benchmark::kMicrosecond);

void select_cold(benchmark::State& state) {
  World& world = World::get();
  for (auto _ : state) {
    state.PauseTiming();
    world.loop.advance(std::chrono::minutes(11));
    world.run(world.store->tidy());
    if (world.mail->view_now(world.inbox)) std::abort();
    state.ResumeTiming();
    benchmark::DoNotOptimize(world.run(world.mail->view(world.inbox)));
  }
}
BENCHMARK(select_cold)->Unit(benchmark::kMillisecond);

void store_all(benchmark::State& state) {
  World& world = World::get();
  bool on = false;
  for (auto _ : state) {
    on = !on;
    (void)world.run(
        world.mail->change_flags(world.inbox, UidSet::all(), {on ? FlagMode::add : FlagMode::remove, {kSeen, {}}}));
  }
  state.SetItemsProcessed(state.iterations() * kMessages);
}
BENCHMARK(store_all)->Unit(benchmark::kMillisecond)->Iterations(20);

void store_one(benchmark::State& state) {
  World& world = World::get();
  bool on = false;
  for (auto _ : state) {
    on = !on;
    (void)world.run(
        world.mail->change_flags(world.inbox, {{77, 77}}, {on ? FlagMode::add : FlagMode::remove, {kFlagged, {}}}));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(store_one)->Unit(benchmark::kMicrosecond)->Iterations(2000);

void fetch_all(benchmark::State& state) {
  World& world = World::get();
  const ViewPtr view = world.run(world.mail->view(world.inbox));
  std::vector<EmailId> ids;
  view->for_each([&](std::uint32_t, const Entry& entry) { ids.push_back(entry.email); });
  for (auto _ : state) {
    std::size_t octets = 0;
    world.run(world.mail->emails(ids, [&](std::size_t, const EmailView& email) {
      octets += email.ascii.envelope.size() + email.ascii.body_structure.size() + email.size;
      return store::Step::next;
    }));
    benchmark::DoNotOptimize(octets);
  }
  state.SetItemsProcessed(state.iterations() * kMessages);
}
// What the pool reads for it counts, too.
BENCHMARK(fetch_all)->Unit(benchmark::kMillisecond)->Iterations(5)->MeasureProcessCPUTime();

void deliver_100_at_once(benchmark::State& state) {
  World& world = World::get();
  int number = kMessages;
  for (auto _ : state) {
    for (int i = 0; i < 100; ++i) world.loop.spawn(World::deliver(*world.store, world.delivery(number++)));
    world.loop.settle();
  }
  state.SetItemsProcessed(state.iterations() * 100);
}
BENCHMARK(deliver_100_at_once)->Unit(benchmark::kMillisecond)->Iterations(100);

}  // namespace

BENCHMARK_MAIN();
