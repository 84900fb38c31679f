// A disk that fails, tears and runs full: what was admitted and acknowledged is owed until its end is acknowledged.
#include <algorithm>
#include <map>
#include <set>

#include "io/event.h"
#include "io/memory.h"
#include "io/pool.h"
#include "queue/queue.h"
#include "queue/record.h"
#include "queue/test_world.h"
#include "store/schedule.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::queue;
using namespace std::chrono_literals;

namespace {

using Recipients = std::set<std::string>;
/// A consignment may be in one of these states after an answer that never came; empty: it is gone.
using Possible = std::vector<Recipients>;
using Name = std::pair<DeliveryId, std::string>;

Recipients recipients_of(const std::vector<Addressee>& addressees) {
  Recipients all;
  for (const Addressee& one : addressees) all.insert(one.recipient.path.mailbox.text());
  return all;
}

class QueueSchedule final : public store::testing::Schedule {
 public:
  explicit QueueSchedule(std::uint64_t seed, store::StateKind state) : Schedule(seed, state) {
    options_.clock = &loop_.clock();
    options_.body_refs = &records_;
    options_.segment_size = 4096 + random_.below(60'000);
    options_.flush_batches = 1 + random_.below(60);
  }

 private:
  template <class T>
  std::optional<T> finish(io::Task<T> task) {
    std::optional<T> result;
    loop_.spawn([](io::Task<T> inner, std::optional<T>& place) -> io::Task<> {
      place.emplace(co_await std::move(inner));
    }(std::move(task), result));
    loop_.spawn([](QueueSchedule& self, const std::optional<T>& ended) -> io::Task<> {
      while (!ended) {
        self.tablet_->commit_waiting();
        co_await io::Loop::current().yield();
      }
    }(*this, result));
    loop_.settle();
    if (!result) blame("a task did not end");
    return result;
  }
  /// Nothing: the disk is gone, and nobody knows.
  std::optional<Result<>> commit(store::Batch batch) { return finish(queue::commit(*tablet_, std::move(batch))); }

  bool begin_life() override {
    names_.clear();
    queue_ = Queue::make(*tablet_, pool_, {.clock = &loop_.clock(), .wake = {}});
    return true;
  }
  void leave_life() override { queue_.reset(); }

  /// Tells the change how its batch ended, and the model.
  void ended(const std::optional<Result<>>& outcome, Change change, const Name& name, Recipients then) {
    if (outcome && *outcome) {
      ++counts_.acknowledged;
      change.done();
      owed_[name] = {std::move(then)};
    } else if (outcome && outcome->error().is(store::kStoreFull)) {
      change.refused();
    } else {
      owed_[name].push_back(std::move(then));
    }
  }

  void admit() {
    Entry entry;
    entry.id = DeliveryId(++ids_);
    entry.sender = envelope::parse_sender("<a@example.test>").value();
    entry.arrived = loop_.clock().wall();
    entry.expires = {entry.arrived.microseconds + Duration(1000h).count()};
    std::vector<Lot> lots;
    std::map<Name, Recipients> all;
    for (std::uint64_t i = 0; i <= random_.below(3); ++i) {
      Lot lot{.destination = "d" + std::to_string((ids_ + i) % 4), .priority = static_cast<int>(random_.below(3))};
      for (std::uint64_t n = 0; n <= random_.below(3); ++n)
        lot.recipients.push_back(queue::test::recipient("<u" + std::to_string(n) + "@" + lot.destination + ">"));
      if (random_.below(6) == 0) lot.due = WallTime{entry.arrived.microseconds + Duration(1h).count()};
      for (const auto& one : lot.recipients) all[{entry.id, lot.destination}].insert(one.path.mailbox.text());
      lots.push_back(std::move(lot));
    }
    store::Batch batch;
    const std::size_t body = batch.body(std::string(1 + random_.below(3000), 'x'));
    auto change = queue_->admit(entry, std::move(lots), body, batch);
    if (!change) return blame("admit: " + change.error().text());
    const auto outcome = commit(std::move(batch));
    if (outcome && *outcome) {
      ++counts_.acknowledged;
      change->done();
      for (auto& [name, recipients] : all) owed_[name] = {std::move(recipients)};
    } else if (outcome && outcome->error().is(store::kStoreFull)) {
      change->refused();
    } else {
      for (auto& [name, recipients] : all) owed_[name] = {{}, std::move(recipients)};
    }
  }

  void settle(const Job& job) {
    const Name name{job.entry->id, job.consignment.destination};
    std::vector<Addressee> still;
    const std::uint64_t how = random_.below(3);
    for (const Addressee& one : job.consignment.addressees)
      if (how == 1 || (how == 2 && random_.below(2) == 0)) still.push_back(one);
    Recipients then = recipients_of(still);
    store::Batch batch;
    Change change =
        queue_->settle(job, std::move(still), {loop_.clock().wall().microseconds + Duration(10min).count()}, batch);
    const auto outcome = commit(std::move(batch));
    ended(outcome, std::move(change), name, std::move(then));
  }

  void work() {
    if (!finish(queue_->gather())) return;
    for (const std::string& name : queue_->awake()) names_.insert(name);
    for (auto at = names_.begin(); at != names_.end() && wrong_.empty();) {
      for (std::uint64_t jobs = random_.below(4); jobs > 0; --jobs) {
        auto job = finish(queue_->take(*at));
        if (!job || !*job || !**job) break;
        check_job(***job);
        if (random_.below(8) == 0) {
          queue_->put_back(***job);
          if (random_.below(2) == 0) back_off(*at);
          break;
        }
        settle(***job);
      }
      auto rested = finish(queue_->rest(*at));
      at = rested && *rested && **rested ? names_.erase(at) : std::next(at);
    }
  }
  void back_off(const std::string& name) {
    store::Batch batch;
    Change change = queue_->back_off(name,
                                     {.failures = 1,
                                      .since = {},
                                      .next = {loop_.clock().wall().microseconds + Duration(30min).count()},
                                      .trouble = {}},
                                     batch);
    const auto outcome = commit(std::move(batch));
    if (outcome && *outcome) change.done();
    if (outcome && !*outcome && outcome->error().is(store::kStoreFull)) change.refused();
  }
  void operate() {
    const DeliveryId id(1 + random_.below(ids_ + 1));
    auto jobs = finish(queue_->claim(id));
    if (!jobs || !*jobs) return;
    for (const Job& job : **jobs) {
      check_job(job);
      store::Batch batch;
      const Name name{id, job.consignment.destination};
      Change change = queue_->hold(job, random_.below(2) == 0 ? Hold::by_operator : Hold::none, batch);
      const auto outcome = commit(std::move(batch));
      ended(outcome, std::move(change), name, recipients_of(job.consignment.addressees));
    }
  }
  void check_job(const Job& job) {
    const Recipients actual = recipients_of(job.consignment.addressees);
    const Possible& possible = owed_[{job.entry->id, job.consignment.destination}];
    if (std::ranges::find(possible, actual) == possible.end())
      blame("what was taken is not owed: " + job.entry->id.text() + " to " + job.consignment.destination);
  }

  [[nodiscard]] bool failed() const { return disk_->crashed() || !tablet_->running(); }

  void check() override {
    auto all = finish(queue_->list(DeliveryId(0), SIZE_MAX));
    if (failed() || !all) return;
    if (!*all) return blame("list: " + all->error().text());
    std::map<Name, Recipients> actual;
    for (const Whole& whole : **all)
      for (const Whole::Part& part : whole.parts)
        actual[{whole.entry->id, part.consignment.destination}].merge(recipients_of(part.consignment.addressees));
    for (auto& [name, possible] : owed_) {
      const Recipients now = actual.contains(name) ? actual[name] : Recipients{};
      if (std::ranges::find(possible, now) == possible.end())
        return blame("owed of " + name.first.text() + " to " + name.second + " is not what was acknowledged");
      possible = {now};
      actual.erase(name);
    }
    if (!actual.empty()) blame("something is owed that nobody admitted");
    std::erase_if(owed_, [](const auto& one) { return one.second.front().empty(); });
  }

  void release_all() {
    auto all = finish(queue_->list(DeliveryId(0), SIZE_MAX));
    if (!all || !*all) return blame("list: " + (all ? all->error().text() : "no end"));
    for (const Whole& whole : **all) {
      auto jobs = finish(queue_->claim(whole.entry->id));
      if (!jobs || !*jobs) return blame("claim: " + (jobs ? jobs->error().text() : "no end"));
      for (const Job& job : **jobs) {
        if (job.consignment.hold == Hold::none) {
          queue_->put_back(job);
          continue;
        }
        store::Batch batch;
        Change change = queue_->hold(job, Hold::none, batch);
        const auto outcome = commit(std::move(batch));
        if (!outcome || !*outcome) return blame("hold: " + (outcome ? outcome->error().text() : "no end"));
        change.done();
      }
    }
  }
  void send_all(const std::string& name) {
    for (bool rested = false; !rested;) {
      while (true) {
        auto job = finish(queue_->take(name));
        if (!job || !*job) return blame("take: " + (job ? job->error().text() : "no end"));
        if (!**job) break;
        check_job(***job);
        owed_.erase({(**job)->entry->id, name});
        store::Batch batch;
        Change change = queue_->settle(***job, {}, {}, batch);
        const auto outcome = commit(std::move(batch));
        if (!outcome || !*outcome) return blame("settle: " + (outcome ? outcome->error().text() : "no end"));
        change.done();
      }
      const auto outcome = finish(queue_->rest(name));
      if (!outcome || !*outcome) return blame("rest: " + (outcome ? outcome->error().text() : "no end"));
      rested = **outcome;
    }
  }
  /// On a disk that is well: whatever happened, all that is owed comes up when its time has come.
  void send_everything() {
    disk_->arm({});
    disk_->set_capacity(UINT64_MAX);
    // What is in doubt is looked for first.
    loop_.advance(2min);
    (void)finish(queue_->gather());
    release_all();
    for (int hour = 0; hour < 3; ++hour) {
      loop_.advance(1h);
      (void)finish(queue_->gather());
      for (const std::string& name : queue_->awake()) names_.insert(name);
      for (const std::string& name : std::exchange(names_, {}))
        if (wrong_.empty()) send_all(name);
    }
    if (!owed_.empty())
      blame("never came up: " + owed_.begin()->first.first.text() + " to " + owed_.begin()->first.second);
    if (queue_->in_memory().destinations != 0) blame("destinations without mail are remembered");
  }

  void check_end() override {
    if (failed()) return;
    send_everything();
    if (!wrong_.empty()) return;
    loop_.advance(1001h);
    (void)finish(queue_->gather());
    (void)finish(queue_->overdue(SIZE_MAX));
    std::size_t left = 0;
    (void)tablet_->scan("q", "r", {},
                        [&](std::string_view key, std::string_view) {
                          // A time that was put for nothing is harmless.
                          left += key.starts_with("qN") ? 0U : 1U;
                          return store::Step::next;
                        },
                        {});
    if (left != 0) blame(std::to_string(left) + " keys are left over");
  }

  /// Most of the time the tablet gets the time to mend itself; the queue goes on with what it then holds.
  bool recover() {
    if (random_.below(4) == 0) return false;
    for (int i = 0; i < 10 && !tablet_->running() && !disk_->crashed(); ++i) {
      // Nothing can be done meanwhile: nobody is called again and again.
      (void)finish(queue_->gather());
      if (queue_->next_look() <= loop_.clock().wall()) (void)finish(queue_->gather());
      if (!tablet_->running() && queue_->next_look() <= loop_.clock().wall()) blame("it is looked without an end");
      loop_.advance(1min);
      tablet_->commit_waiting();
    }
    if (failed()) return false;
    check();
    ++counts_.recovered;
    if (random_.below(2) == 0 && wrong_.empty()) send_everything();
    return wrong_.empty() && !failed();
  }

  void live() override {
    for (std::uint64_t steps = 4 + random_.below(20); steps > 0 && wrong_.empty(); --steps) {
      if (disk_->crashed() || (!tablet_->running() && !recover())) return;
      loop_.advance(std::chrono::milliseconds(random_.below(1'200'000)));
      switch (random_.below(10)) {
        case 0: (void)tablet_->flush(); break;
        case 1: (void)tablet_->sweep({}); break;
        case 2: disk_->set_capacity(random_.below(2) == 0 ? UINT64_MAX : 40'000 + random_.below(150'000)); break;
        case 3: operate(); break;
        case 4:
        case 5:
        case 6: admit(); break;
        default: work();
      }
    }
  }

  io::SimulatedLoop loop_;
  io::Pool pool_{{.name = "test"}};
  Records records_;
  std::unique_ptr<Queue> queue_;
  std::map<Name, Possible> owed_;
  std::set<std::string> names_;
  std::uint64_t ids_ = 0;
};

constexpr std::uint64_t kSanitizerShare = 10;

}  // namespace

TEST_CASE("crashes, torn writes, failed syncs and full disks lose nothing that is owed: sorted state") {
  const auto counts = store::testing::run_schedules<QueueSchedule>(store::testing::schedules(150, kSanitizerShare),
                                                                   store::StateKind::sorted);
  if (counts.acknowledged > 1000) CHECK(counts.recovered > 0);
}

TEST_CASE("crashes, torn writes, failed syncs and full disks lose nothing that is owed: RocksDB") {
  store::testing::run_schedules<QueueSchedule>(store::testing::schedules(20, kSanitizerShare),
                                               store::StateKind::rocksdb);
}
