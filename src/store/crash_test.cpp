// Seeded schedules: random work on a disk that loses what was not synced, tears, fails and runs full. After each
// opening every acknowledged batch is there octet for octet, the others are whole or absent, and what is there is a
// prefix.
#include <cstdlib>

#include "store/model.h"
#include "store/volume_faulty.h"
#include "support/test.h"

namespace angarium::store {
namespace {

using namespace angarium::store::testing;

/// A count from the environment, for long runs and for slow builds.
std::uint64_t schedules(std::uint64_t by_default) {
  const char* text = std::getenv("ANGARIUM_SCHEDULES");
  return text == nullptr ? by_default : std::strtoull(text, nullptr, 10);
}
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uint64_t kShare = 20;
#else
constexpr std::uint64_t kShare = 1;
#endif
#endif

class Schedule {
 public:
  Schedule(std::uint64_t seed, StateKind state)
      : seed_(seed), random_(seed), author_(random_, 3000), disk_(std::make_shared<FaultyDisk>(seed)) {
    options_.state = state;
    options_.threads = Threads::none;
    options_.clock = &clock_;
    options_.random = &store_random_;
    options_.mergers['m'] = &merger_;
    options_.body_refs = &refs_;
    options_.segment_size = 2048 + random_.below(30'000);
    options_.body_segment_size = 10'000;
    options_.group_size_max = 1 + random_.below(5000);
    options_.flush_batches = 1 + random_.below(60);
    options_.reserve = 0;
    options_.grace = std::chrono::microseconds(random_.below(2) * 3'000'000);
    options_.cache_size = 1u << 20;
  }

  /// An empty string, or what went wrong.
  std::string run() {
    std::uint64_t lives = 2 + random_.below(4);
    for (std::uint64_t life = 0; life < lives && wrong_.empty(); ++life) {
      bool opened = open();
      if (opened) check_contents();
      if (opened && wrong_.empty()) live();
      end_life();
    }
    if (wrong_.empty() && open()) {
      check_contents();
      check_verify();
    }
    return wrong_.empty() ? "" : "seed " + std::to_string(seed_) + ": " + wrong_;
  }
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
  [[nodiscard]] std::uint64_t recovered() const { return recovered_; }

 private:
  void blame(std::string what) {
    if (wrong_.empty()) wrong_ = std::move(what);
  }

  void arm() {
    FaultyDisk::Faults faults;
    std::uint64_t within = 1 + random_.below(random_.below(2) == 0 ? 20 : 200);
    switch (random_.below(6)) {
      case 0:
        faults.fail_sync_at = 1 + random_.below(30);
        faults.syncs_failing = 1 + random_.below(6);
        break;
      case 1: faults.short_write_at = 1 + random_.below(60); break;
      case 2: break;
      default: faults.crash_at = within;
    }
    disk_->arm(faults);
  }

  /// Opens, now and then while the power goes again.
  bool open() {
    for (int attempt = 0; attempt < 4; ++attempt) {
      auto volume = open_faulty_volume(disk_);
      if (!volume) {
        blame("open: " + volume.error().text());
        return false;
      }
      if (attempt < 3 && random_.below(4) == 0) arm();
      auto opened = Tablet::open(std::move(*volume), options_);
      bool was_whole = opened.has_value();
      if (!was_whole && (opened.error().is(kDamaged) || opened.error().is(kFormat))) {
        blame("opening after a crash: " + opened.error().text());
        return false;
      }
      if (was_whole) {
        tablet_ = std::move(*opened);
        return true;
      }
      disk_->set_capacity(UINT64_MAX);
      disk_->crash();
    }
    blame("it does not open");
    return false;
  }

  void end_life() {
    std::uint64_t end = random_.below(3);
    if (end == 0 && !disk_->crashed()) disk_->crash();  // kill; else close in order
    tablet_.reset();
    if (!disk_->crashed() && end == 1) disk_->crash();
    disk_->arm({});
    disk_->set_capacity(UINT64_MAX);
  }

  /// What was in flight when the last life ended is whole or absent: some prefix of it.
  void check_contents() {
    std::uint64_t sequence = tablet_->sequence();
    if (sequence < history_)
      return blame("acknowledged batches are lost: " + std::to_string(sequence) + " of " + std::to_string(history_));
    if (sequence > history_ + unsure_.size()) return blame("batches are there that nobody committed");
    for (; history_ < sequence; ++history_) {
      unsure_.front().apply(contents_);
      unsure_.erase(unsure_.begin());
    }
    unsure_.clear();
    auto is = read_all(*tablet_);
    if (!is && !disk_->crashed()) return blame("reading: " + is.error().text());
    if (is && *is != contents_) blame("the contents differ");
  }

  void check_verify() {
    auto report = tablet_->verify();
    if (disk_->crashed()) return;
    if (!report) return blame("verify: " + report.error().text());
    if (!report->damage.empty()) blame("verify: " + report->damage.front());
  }

  void live() {
    arm();
    for (std::uint64_t steps = 3 + random_.below(25); steps > 0 && wrong_.empty(); --steps) {
      if (disk_->crashed()) return;
      if (!tablet_->running() && !recover()) return;
      clock_.advance(std::chrono::milliseconds(random_.below(2000)));
      if (random_.below(30) == 0) clock_.jump(std::chrono::hours(random_.below(2) * 48) - std::chrono::hours(24));
      switch (random_.below(16)) {
        case 0: chore(tablet_->flush()); break;
        case 1: chore(tablet_->write_image()); break;
        case 2:
        case 3: sweep(); break;
        case 4: disk_->set_capacity(random_.below(2) == 0 ? UINT64_MAX : 20'000 + random_.below(100'000)); break;
        case 5: compare(); break;
        default: commit();
      }
    }
  }

  /// Most of the time the tablet gets the time to mend itself; what it then holds is judged as after an opening.
  bool recover() {
    if (random_.below(4) == 0) return false;
    for (int i = 0; i < 10 && !tablet_->running() && !disk_->crashed(); ++i) {
      clock_.advance(std::chrono::minutes(1));
      tablet_->commit_waiting();
    }
    if (!tablet_->running()) return false;
    check_contents();
    ++recovered_;
    return wrong_.empty();
  }

  template <class T>
  void chore(const Result<T>& result) {
    if (!result && result.error().is(kDamaged)) blame("a chore found damage: " + result.error().text());
  }

  /// Sweeping commits batches of its own, one after the other.
  void sweep() {
    auto swept = tablet_->sweep({.dead_share = static_cast<double>(random_.below(10)) / 10});
    chore(swept);
    history_ = tablet_->sequence();
    if (!tablet_->running() || disk_->crashed()) unsure_.emplace_back();
  }

  void compare() {
    auto is = read_all(*tablet_);
    if (!is && !disk_->crashed()) blame("reading: " + is.error().text());
    if (is && *is != contents_) blame("the contents differ while it runs");
  }

  void stream(Plan& plan) {
    auto writer = tablet_->open_body();
    if (!writer) return;
    Change change{Change::Kind::put_body, author_.key('e'), "large", random_.octets(random_.below(150'000)), {}};
    for (std::size_t at = 0; at < change.body.size(); at += 40'000)
      if (!(*writer)->append(std::string_view(change.body).substr(at, 40'000))) return;
    if (random_.below(4) == 0) return;  // aborted
    auto ref = (*writer)->seal();
    if (!ref) return;
    change.large = *ref;
    plan.changes.push_back(change);
  }

  void commit() {
    std::vector<Plan> plans;
    std::vector<std::unique_ptr<Waiter>> waiters;
    for (std::uint64_t n = 1 + random_.below(4); n > 0; --n) {
      plans.push_back(author_.plan(contents_));
      if (random_.below(12) == 0) stream(plans.back());
      waiters.push_back(std::make_unique<Waiter>());
      tablet_->enqueue(plans.back().batch(), *waiters.back());
    }
    while (tablet_->commit_waiting()) {
    }
    refused_for_room_ = false;
    for (std::size_t i = 0; i < plans.size(); ++i) settle(plans[i], *waiters[i]);
  }

  void settle(const Plan& plan, const Waiter& waiter) {
    if (!waiter.result) return blame("a completion was never called");
    const Result<CommitInfo>& result = *waiter.result;
    if (result) {
      if (!unsure_.empty() && !unsure_.front().changes.empty())
        return blame("a batch was acknowledged after one that was not");
      unsure_.clear();
      if (result->sequence != ++history_) return blame("a sequence is out of order");
      if (!plan.holds(contents_)) return blame("a batch was taken against its expectation");
      plan.apply(contents_);
      ++acknowledged_;
      return;
    }
    const Error& error = result.error();
    if (error.is(kExpectation)) {
      // It may have been judged after a batch of its group that then found no room.
      if (unsure_.empty() && !refused_for_room_ && plan.holds(contents_))
        blame("a batch was refused though its expectation held");
    } else if (error.is(kStopped)) {
      unsure_.push_back(plan);
    } else if (error.is(kStoreFull) || error.is(kInputOutput)) {
      refused_for_room_ = true;
    } else {
      blame("a batch failed: " + error.text());
    }
  }

  std::uint64_t seed_;
  SeededRandom random_;
  SeededRandom store_random_{seed_ ^ 0x5eed};
  ManualClock clock_;
  AppendMerger merger_;
  TailRefs refs_;
  Author author_;
  std::shared_ptr<FaultyDisk> disk_;
  TabletOptions options_;
  std::unique_ptr<Tablet> tablet_;
  Contents contents_;          // of all that was acknowledged
  std::uint64_t history_ = 0;  // batches in contents_
  std::vector<Plan> unsure_;   // what failed with the outcome unknown
  bool refused_for_room_ = false;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t recovered_ = 0;  // how often it stopped and ran again
  std::string wrong_;
};

void run_schedules(std::uint64_t count, StateKind state) {
  std::uint64_t acknowledged = 0;
  std::uint64_t recovered = 0;
  const char* only = std::getenv("ANGARIUM_SEED");
  std::uint64_t first = only == nullptr ? 1 : std::strtoull(only, nullptr, 10);
  if (only != nullptr) count = 1;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    Schedule schedule(seed, state);
    std::string wrong = schedule.run();
    if (!wrong.empty()) FAIL(wrong);
    acknowledged += schedule.acknowledged();
    recovered += schedule.recovered();
  }
  MESSAGE(count, " schedules, ", acknowledged, " batches acknowledged, none lost; stopped and ran again ", recovered,
          " times");
  CHECK(acknowledged > 0);
}

}  // namespace

TEST_CASE(
    "schedules of crashes, torn writes, failed syncs and full disks lose nothing that was acknowledged: sorted state") {
  run_schedules(schedules(10'000) / kShare, StateKind::sorted);
}

TEST_CASE(
    "schedules of crashes, torn writes, failed syncs and full disks lose nothing that was acknowledged: RocksDB") {
  run_schedules(schedules(10'000) * 3 / 100 / kShare, StateKind::rocksdb);
}

TEST_CASE("a schedule repeats itself from its seed") {
  for (std::uint64_t seed : {7u, 8u, 9u}) {
    Schedule first(seed, StateKind::sorted);
    Schedule second(seed, StateKind::sorted);
    CHECK(first.run().empty());
    CHECK(second.run().empty());
    CHECK(first.acknowledged() == second.acknowledged());
  }
}

}  // namespace angarium::store
