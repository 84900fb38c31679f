// Seeded schedules: random work on a disk that loses what was not synced, tears, fails and runs full. After each
// opening every acknowledged batch is there octet for octet, the others are whole or absent, and what is there is a
// prefix.
#include "store/model.h"
#include "store/schedule.h"
#include "support/test.h"

namespace angarium::store {
namespace {

using namespace angarium::store::testing;

constexpr std::uint64_t kSanitizerShare = 20;

class StoreSchedule final : public Schedule {
 public:
  StoreSchedule(std::uint64_t seed, StateKind state) : Schedule(seed, state), author_(random_, 3000) {
    options_.clock = &clock_;
    options_.mergers['m'] = &merger_;
    options_.body_refs = &refs_;
    options_.segment_size = 2048 + random_.below(30'000);
    options_.body_segment_size = 10'000;
    options_.group_size_max = 1 + random_.below(5000);
    options_.flush_batches = 1 + random_.below(60);
    options_.grace = std::chrono::microseconds(random_.below(2) * 3'000'000);
  }

 private:
  /// What was in flight when the last life ended is whole or absent: some prefix of it.
  void check() override {
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

  void check_end() override {
    auto report = tablet_->verify();
    if (disk_->crashed()) return;
    if (!report) return blame("verify: " + report.error().text());
    if (!report->damage.empty()) blame("verify: " + report->damage.front());
  }

  void live() override {
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
    check();
    ++counts_.recovered;
    return wrong_.empty();
  }

  template <class T>
  void chore(const Result<T>& result) {
    if (!result && result.error().is(kDamaged)) blame("a chore found damage: " + result.error().text());
  }

  /// Sweeping commits batches of its own, one after the other.
  void sweep() {
    SweepOptions options{.dead_share = static_cast<double>(random_.below(10)) / 10};
    options.compress_after = std::chrono::milliseconds(random_.below(3) * 2000);
    options.compress_min = random_.below(5000);
    auto swept = tablet_->sweep(options);
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
      ++counts_.acknowledged;
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

  ManualClock clock_;
  AppendMerger merger_;
  TailRefs refs_;
  Author author_;
  Contents contents_;          // of all that was acknowledged
  std::uint64_t history_ = 0;  // batches in contents_
  std::vector<Plan> unsure_;   // what failed with the outcome unknown
  bool refused_for_room_ = false;
};

}  // namespace

TEST_CASE("schedules of crashes, torn writes, failed syncs, full disks and lost tables lose nothing: sorted state") {
  const auto counts = run_schedules<StoreSchedule>(schedules(10'000, kSanitizerShare), StateKind::sorted);
  if (counts.acknowledged > 10'000) {
    CHECK(counts.recovered > 0);
    CHECK(counts.rebuilt > counts.remade);
    CHECK(counts.remade > 0);
    CHECK(counts.broken_off > 0);
  }
}

TEST_CASE("schedules of crashes, torn writes, failed syncs, full disks and lost tables lose nothing: RocksDB") {
  run_schedules<StoreSchedule>(schedules(300, kSanitizerShare), StateKind::rocksdb);
}

TEST_CASE("a schedule repeats itself from its seed") {
  for (std::uint64_t seed : {7u, 8u, 9u}) {
    StoreSchedule first(seed, StateKind::sorted);
    StoreSchedule second(seed, StateKind::sorted);
    CHECK(first.run().empty());
    CHECK(second.run().empty());
    CHECK(first.counts().acknowledged == second.counts().acknowledged);
  }
}

}  // namespace angarium::store
