// A queue of many deferred messages: how fast they come in, what they cost in memory, and how long a new start takes.
//
//   queue_bench DIRECTORY [MESSAGES [DESTINATIONS]]     1,000,000 messages of 2 KiB to 1,000 destinations
//
// The messages come in by 64 writers with the store's group commit, all due at once. Then every destination is found
// unreachable once, which defers all that waits for it. Then the store is closed and opened again, and the queue looked
// at until nothing is due. Prints a line for each.
#include <fmt/format.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "base/text.h"
#include "io/loop.h"
#include "io/pool.h"
#include "queue/queue.h"
#include "queue/record.h"
#include "store/tablet.h"

namespace angarium {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::size_t kWriters = 64;

double since(SteadyClock::time_point began) {
  return std::chrono::duration<double>(SteadyClock::now() - began).count();
}

/// Resident memory of this process, in MiB.
double resident() {
  std::ifstream status("/proc/self/statm");
  std::uint64_t all = 0;
  std::uint64_t there = 0;
  status >> all >> there;
  return static_cast<double>(there) * 4096 / (1 << 20);
}

struct House {
  explicit House(const std::string& directory) {
    store::TabletOptions options;
    options.body_refs = &records;
    options.reserve = 1 << 20;
    tablet = *store::Tablet::open(*store::open_local_volume(directory), std::move(options));
    queue = queue::Queue::make(*tablet, pool);
  }
  queue::Records records;
  io::Pool pool{{.name = "store", .threads = 8, .queue = 1U << 20}};
  std::unique_ptr<store::Tablet> tablet;
  std::unique_ptr<queue::Queue> queue;
};

std::string destination(std::uint64_t number) { return "d" + std::to_string(number) + ".example"; }

io::Task<> admit(House& house, std::atomic<std::uint64_t>& next, std::uint64_t messages, std::uint64_t destinations) {
  const std::string body(2048, 'x');
  while (true) {
    const std::uint64_t number = next++;
    if (number >= messages) co_return;
    queue::Entry entry;
    entry.id = queue::DeliveryId::make(system_random());
    entry.sender = *envelope::parse_sender("<alice@example.test>");
    entry.prepended = "Received: from client by host with ESMTPSA id 123456789012; Sat, 21 Nov 2026 12:00:00 +0000\r\n";
    entry.arrived = system_clock().wall();
    entry.expires = {entry.arrived.microseconds + Duration(std::chrono::hours(120)).count()};
    entry.notice = WallTime{entry.arrived.microseconds + Duration(std::chrono::hours(4)).count()};
    std::vector<queue::Lot> lots;
    const std::string domain = destination(number % destinations);
    lots.push_back({.destination = domain, .recipients = {*envelope::parse_recipient("<bob@" + domain + ">")}});
    store::Batch batch;
    const std::size_t at = batch.body(body);
    auto change = house.queue->admit(entry, std::move(lots), at, batch);
    if (!change || !co_await queue::commit(*house.tablet, std::move(batch))) std::abort();
    change->done();
  }
}

io::Task<> defer_all(House& house, std::uint64_t& deferred) {
  (void)co_await house.queue->gather();
  for (const std::string& name : house.queue->awake()) {
    auto job = co_await house.queue->take(name);
    if (!job || !*job) std::abort();
    store::Batch batch;
    queue::Backoff backoff{.failures = 1};
    backoff.next = {system_clock().wall().microseconds + Duration(std::chrono::hours(1)).count()};
    auto change = house.queue->back_off(name, backoff, batch);
    if (!co_await queue::commit(*house.tablet, std::move(batch))) std::abort();
    change.done();
    house.queue->put_back(**job);
    (void)co_await house.queue->rest(name);
    ++deferred;
  }
}

io::Task<> look(House& house, std::size_t& awake) {
  if (!co_await house.queue->gather()) std::abort();
  awake = house.queue->awake().size();
}

int run(const std::string& directory, std::uint64_t messages, std::uint64_t destinations) {
  std::filesystem::create_directories(directory);
  auto house = std::make_unique<House>(directory);
  const double empty = resident();
  auto began = SteadyClock::now();
  {
    auto loop = *io::make_loop();
    std::atomic<std::uint64_t> next{0};
    for (std::size_t i = 0; i < kWriters; ++i) loop->spawn(admit(*house, next, messages, destinations));
    loop->drain();
    loop->run();
  }
  const double seconds = since(began);
  fmt::print("come in: {} messages in {:.1f} s, {:.0f} a second; resident {:.0f} MiB, {:.0f} before\n", messages,
             seconds, static_cast<double>(messages) / seconds, resident(), empty);
  began = SteadyClock::now();
  std::uint64_t deferred = 0;
  {
    auto loop = *io::make_loop();
    loop->spawn(defer_all(*house, deferred));
    loop->drain();
    loop->run();
  }
  fmt::print("deferred: {} destinations in {:.2f} s; resident {:.0f} MiB\n", deferred, since(began), resident());
  began = SteadyClock::now();
  house.reset();
  fmt::print("closed: {:.2f} s\n", since(began));
  for (int start = 0; start < 2; ++start) {
    began = SteadyClock::now();
    house = std::make_unique<House>(directory);
    const double opened = since(began);
    std::size_t awake = 0;
    {
      auto loop = *io::make_loop();
      loop->spawn(look(*house, awake));
      loop->drain();
      loop->run();
    }
    fmt::print(
        "start {}: open after {:.2f} s, looked through after {:.2f} s, {} destinations due; resident {:.0f} MiB\n",
        start + 1, opened, since(began), awake, resident());
    house.reset();
  }
  return 0;
}

}  // namespace
}  // namespace angarium

int main(int count, char** arguments) {
  if (count < 2) {
    fmt::print(stderr, "queue_bench DIRECTORY [MESSAGES [DESTINATIONS]]\n");
    return 2;
  }
  const auto number = [&](int at, std::uint64_t otherwise) {
    return count > at ? angarium::parse_number<std::uint64_t>(arguments[at]).value_or(otherwise) : otherwise;
  };
  return angarium::run(arguments[1], number(2, 1'000'000), number(3, 1000));
}
