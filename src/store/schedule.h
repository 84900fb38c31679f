// Seeded schedules: several lives of a store on a disk that loses what was not synced, tears, fails and runs full, and
// what is done to it between them: the power goes again while it opens, the state is made anew, the table is lost. For
// the tests of this room and of those that stand on it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "base/random.h"
#include "store/log_table.h"
#include "store/tablet.h"
#include "store/volume_faulty.h"
#include "support/test.h"

namespace angarium::store::testing {

/// One schedule. The work, and what must be true of it, is the derived class's.
class Schedule {
 public:
  virtual ~Schedule() = default;
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;

  /// Empty, or what went wrong. Once only.
  std::string run() {
    begin();
    for (std::uint64_t lives = 2 + random_.below(4); lives > 0 && wrong_.empty(); --lives) {
      if (open()) check();
      if (tablet_ && wrong_.empty()) {
        disk_->arm(faults());
        live();
      }
      end_life();
    }
    if (wrong_.empty() && open()) {
      check();
      if (wrong_.empty()) check_end();
    }
    close();
    return wrong_.empty() ? "" : "seed " + std::to_string(seed_) + ": " + wrong_;
  }

  struct Counts {
    std::uint64_t acknowledged = 0;  ///< operations
    std::uint64_t recovered = 0;     ///< how often the store stopped and ran again
    std::uint64_t rebuilt = 0;       ///< states made anew,
    std::uint64_t remade = 0;        ///< with a lost table,
    std::uint64_t broken_off = 0;    ///< and how often the power went meanwhile
    Counts& operator+=(const Counts& other) {
      acknowledged += other.acknowledged;
      recovered += other.recovered;
      rebuilt += other.rebuilt;
      remade += other.remade;
      broken_off += other.broken_off;
      return *this;
    }
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

 protected:
  Schedule(std::uint64_t seed, StateKind state)
      : seed_(seed), random_(seed), disk_(std::make_shared<FaultyDisk>(seed)) {
    options_.state = state;
    options_.threads = Threads::none;
    options_.random = &store_random_;
    options_.reserve = 0;
    options_.cache_size = 1u << 20;
  }

  /// What is made on a disk that is well.
  virtual void begin() {}
  /// What stands on the tablet, which was just opened. False when it can't be had because the disk fails.
  virtual bool begin_life() { return true; }
  virtual void leave_life() {}
  /// After each opening.
  virtual void check() = 0;
  /// After the last one.
  virtual void check_end() {}
  virtual void live() = 0;
  /// Whether there is something to lose yet.
  [[nodiscard]] virtual bool begun() const { return true; }

  void blame(std::string what) {
    if (wrong_.empty()) wrong_ = std::move(what);
  }

  bool open() {
    if (begun()) rebuild_now_and_then();
    for (int attempt = 0; attempt < kAttempts && wrong_.empty(); ++attempt) {
      auto volume = open_faulty_volume(disk_);
      if (!volume) {
        blame("open: " + volume.error().text());
        return false;
      }
      if (begun() && attempt + 1 < kAttempts && random_.below(4) == 0) disk_->arm(faults());
      auto opened = Tablet::open(*std::move(volume), options_);
      if (opened) {
        tablet_ = *std::move(opened);
        if (begin_life()) return wrong_.empty();
        close();
      } else if (opened.error().is(kDamaged) || opened.error().is(kFormat)) {
        blame("opening after a crash: " + opened.error().text());
      }
      disk_->set_capacity(UINT64_MAX);
      disk_->crash();
    }
    blame("it does not open");
    return false;
  }
  void close() {
    leave_life();
    tablet_.reset();
  }

  std::uint64_t seed_;
  SeededRandom random_;
  SeededRandom store_random_{seed_ ^ 0x5eed};
  std::shared_ptr<FaultyDisk> disk_;
  TabletOptions options_;
  std::unique_ptr<Tablet> tablet_;
  Counts counts_;
  std::string wrong_;

 private:
  static constexpr int kAttempts = 4;

  FaultyDisk::Faults faults() {
    FaultyDisk::Faults faults;
    const std::uint64_t within = 1 + random_.below(random_.below(2) == 0 ? 20 : 200);
    switch (random_.below(6)) {
      case 0:
        faults.fail_sync_at = 1 + random_.below(30);
        faults.syncs_failing = 1 + random_.below(6);
        break;
      case 1: faults.short_write_at = 1 + random_.below(60); break;
      case 2: break;
      default: faults.crash_at = within;
    }
    return faults;
  }

  void end_life() {
    const std::uint64_t end = random_.below(3);
    if (end == 0 && !disk_->crashed()) disk_->crash();  // a kill; else it closes in order
    close();
    if (!disk_->crashed() && end == 1) disk_->crash();
    disk_->arm({});
    disk_->set_capacity(UINT64_MAX);
  }

  /// One that was never changed has no former version.
  [[nodiscard]] bool table_changed() const { return !disk_->content(std::string(kFormerTableName)).empty(); }
  [[nodiscard]] bool table_lost() const {
    return table_changed() && !Table::decode(disk_->content(std::string(kTableName)));
  }

  /// Damages the table or removes it.
  void lose_table() {
    const std::string name(kTableName);
    if (!table_changed()) return;
    const std::string text = disk_->content(name);
    auto volume = open_faulty_volume(disk_);
    if (!volume) return blame("open: " + volume.error().text());
    const std::uint64_t how = random_.below(3);
    if (how == 0) (void)disk_->flip(name, random_.below(text.size()), static_cast<int>(random_.below(8)));
    if (how == 1) (void)(*volume)->replace(name, std::string_view(text).substr(0, random_.below(text.size())));
    if (how == 2) (void)(*volume)->remove(name);
  }

  /// Without a table nothing is opened.
  void check_refused() {
    auto volume = open_faulty_volume(disk_);
    if (!volume) return blame("open: " + volume.error().text());
    const auto opened = Tablet::open(*std::move(volume), options_);
    if (opened || !opened.error().is(kDamaged))
      blame("without a table: " + (opened ? "it opens" : opened.error().text()));
  }

  /// Makes the state anew, and where it is lost the table, now and then while the power goes. A lost table takes a
  /// rebuild to its end; otherwise what was broken off may be left so.
  void rebuild_now_and_then() {
    if (random_.below(6) != 0) return;
    if (random_.below(2) == 0) lose_table();
    const bool lost = table_lost();
    if (lost && random_.below(2) == 0) check_refused();
    for (int attempt = 0; attempt < kAttempts && wrong_.empty(); ++attempt) {
      auto volume = open_faulty_volume(disk_);
      if (!volume) return blame("open: " + volume.error().text());
      const bool last = attempt + 1 == kAttempts;
      disk_->arm({.crash_at = last ? 0 : 1 + random_.below(std::array{12u, 60u, 200u}[random_.below(3)])});
      const Result<> rebuilt = rebuild(*std::move(volume), options_);
      disk_->arm({});
      if (rebuilt) {
        ++counts_.rebuilt;
        counts_.remade += lost;
        return;
      }
      if (!disk_->crashed()) return blame("rebuild: " + rebuilt.error().text());
      ++counts_.broken_off;
      if (!table_lost() && random_.below(3) == 0) return;
    }
  }
};

/// How many schedules: fewer under a sanitizer, other numbers by ANGARIUM_SCHEDULES.
inline std::uint64_t schedules(std::uint64_t by_default, std::uint64_t sanitizer_share) {
  if (const char* const text = std::getenv("ANGARIUM_SCHEDULES")) return std::strtoull(text, nullptr, 10);
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return std::max<std::uint64_t>(1, by_default / sanitizer_share);
#endif
#endif
  (void)sanitizer_share;
  return by_default;
}

/// Runs schedules with the seeds 1 to `count`, or the one seed that ANGARIUM_SEED names, and tells what they did.
template <class OneSchedule>
Schedule::Counts run_schedules(std::uint64_t count, StateKind state) {
  const char* const only = std::getenv("ANGARIUM_SEED");
  const std::uint64_t first = only == nullptr ? 1 : std::strtoull(only, nullptr, 10);
  if (only != nullptr) count = 1;
  Schedule::Counts counts;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    OneSchedule schedule(seed, state);
    if (const std::string wrong = schedule.run(); !wrong.empty()) FAIL(wrong);
    counts += schedule.counts();
  }
  MESSAGE(count, " schedules, ", counts.acknowledged, " operations acknowledged, none lost; stopped and ran again ",
          counts.recovered, " times; ", counts.rebuilt, " rebuilt, ", counts.remade, " of them with a lost table, ",
          counts.broken_off, " broken off");
  CHECK(counts.acknowledged > 0);
  return counts;
}

}  // namespace angarium::store::testing
