// For this room's tests: a tablet in memory, a simulated loop, a pool, and the queue in it.
#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "io/memory.h"
#include "io/pool.h"
#include "queue/queue.h"
#include "queue/record.h"
#include "store/tablet.h"
#include "store/volume_memory.h"
#include "support/run.h"

namespace angarium::queue::test {

inline envelope::Recipient recipient(const std::string& path) {
  return envelope::parse_recipient(path, {.utf8 = envelope::Utf8::accept}).value();
}

class World {
 public:
  World() { open(); }

  /// What a sudden end leaves, and a new start.
  void restart() {
    queue.reset();
    tablet.reset();
    open();
  }

  template <class T>
  T run(io::Task<T> task) {
    return angarium::test::settled(loop, std::move(task));
  }
  template <class T>
  T must(io::Task<Result<T>> task) {
    Result<T> result = run(std::move(task));
    if (!result) throw std::runtime_error(result.error().text());
    if constexpr (!std::is_void_v<T>) return *std::move(result);
  }
  void commit(store::Batch batch, Change change) {
    must(queue::commit(*tablet, std::move(batch)));
    change.done();
  }

  Entry entry(const std::string& sender = "<alice@example.test>") {
    Entry made;
    made.id = DeliveryId(++ids);
    made.sender = envelope::parse_sender(sender, {.utf8 = envelope::Utf8::accept}).value();
    made.arrived = loop.clock().wall();
    made.expires = {made.arrived.microseconds + Duration(std::chrono::hours(120)).count()};
    made.prepended = "Received: by test\r\n";
    return made;
  }
  DeliveryId admit(std::vector<Lot> lots, Entry made) {
    store::Batch batch;
    const std::size_t body = batch.body("Subject: x\r\n\r\nbody of " + made.id.text() + "\r\n");
    auto change = queue->admit(made, std::move(lots), body, batch);
    if (!change) throw std::runtime_error(change.error().text());
    commit(std::move(batch), *std::move(change));
    return made.id;
  }
  DeliveryId admit(std::vector<Lot> lots) { return admit(std::move(lots), entry()); }
  DeliveryId admit(const std::string& destination, const std::string& path) {
    return admit({{.destination = destination, .recipients = {recipient(path)}}});
  }

  std::optional<Job> take(const std::string& destination) { return must(queue->take(destination)); }
  void settle(const Job& job, std::vector<Addressee> owed = {}, Duration later = Duration(0)) {
    store::Batch batch;
    Change change = queue->settle(job, std::move(owed), {loop.clock().wall().microseconds + later.count()}, batch);
    commit(std::move(batch), std::move(change));
  }
  /// It failed for the first time at `since`, else now.
  void back_off(const std::string& name, Duration later, std::optional<WallTime> since = {}) {
    const WallTime now = loop.clock().wall();
    store::Batch batch;
    Change change = queue->back_off(name,
                                    {.failures = 1,
                                     .since = since.value_or(now),
                                     .next = {now.microseconds + later.count()},
                                     .trouble = {.status = "4.4.1", .diagnostic = "no", .remote = {}, .at = now}},
                                    batch);
    commit(std::move(batch), std::move(change));
    if (!must(queue->rest(name))) throw std::runtime_error("it does not wait");
  }
  /// Destinations to be worked for now.
  std::vector<std::string> awake() {
    must(queue->gather());
    return queue->awake();
  }
  /// Everything that can be sent now is sent: "path path …" of each consignment, in order.
  std::vector<std::string> drain() {
    std::vector<std::string> sent;
    for (const std::string& name : awake()) {
      do {
        while (auto job = take(name)) {
          std::string paths;
          for (const Addressee& one : job->consignment.addressees)
            paths += (paths.empty() ? "" : " ") + one.recipient.path.mailbox.text();
          sent.push_back(paths);
          settle(*job);
        }
      } while (!must(queue->rest(name)));
    }
    return sent;
  }
  /// Keys of the room that are in the store, of this kind or of all.
  std::size_t keys(std::string_view kind = "") {
    std::size_t count = 0;
    const std::string from = "q" + std::string(kind);
    std::string to = from;
    ++to.back();
    (void)tablet->scan(from, to, {},
                       [&](std::string_view, std::string_view) {
                         ++count;
                         return store::Step::next;
                       },
                       {});
    return count;
  }
  std::string body(const Entry& of) {
    std::string octets(of.body.length, '\0');
    if (!tablet->read_body(of.body, 0, octets)) throw std::runtime_error("no body");
    return octets;
  }

  io::SimulatedLoop loop;
  io::Pool pool{{.name = "test"}};
  Records records;
  std::unique_ptr<store::Tablet> tablet;
  std::unique_ptr<Queue> queue;
  std::uint64_t ids = 0;

 private:
  void open() {
    auto volume = store::open_memory_volume(disk_);
    store::TabletOptions options;
    options.state = store::StateKind::sorted;
    options.body_refs = &records;
    options.reserve = 0;
    auto opened = store::Tablet::open(*std::move(volume), options);
    if (!opened) throw std::runtime_error(opened.error().text());
    tablet = *std::move(opened);
    queue = Queue::make(*tablet, pool, {.clock = &loop.clock(), .wake = {}});
  }
  std::shared_ptr<store::MemoryDisk> disk_ = std::make_shared<store::MemoryDisk>();
};

}  // namespace angarium::queue::test
