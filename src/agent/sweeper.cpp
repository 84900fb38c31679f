#include "agent/sweeper.h"

#include <sys/resource.h>

#include <algorithm>
#include <ctime>

#include "base/log.h"
#include "io/loop.h"

namespace angarium::agent {
namespace {

/// Deleted octets have to be gone within 30 days of which the store takes 25: a sweep may be late by a day, not more.
constexpr Duration kOverdue = std::chrono::hours(36);
/// A sweep that was missed waits until the server has settled after its start.
constexpr Duration kSettling = std::chrono::minutes(10);
/// After a failed sweep.
constexpr Duration kAgain = std::chrono::hours(1);

WallTime later(WallTime time, Duration by) { return {time.microseconds + by.count()}; }

}  // namespace

WallTime next_at_hour(WallTime now, int hour) {
  const std::time_t seconds = now.seconds();
  std::tm local{};
  localtime_r(&seconds, &local);
  if (local.tm_hour >= hour) ++local.tm_mday;
  local.tm_hour = hour;
  local.tm_min = local.tm_sec = 0;
  local.tm_isdst = -1;  // as it will be then
  return WallTime::from_seconds(std::mktime(&local));
}

Sweeper::Sweeper(Sweep sweep, std::optional<WallTime> swept, SweeperOptions options)
    : sweep_(std::move(sweep)),
      swept_(swept),
      options_(options),
      thread_(io::PoolOptions{.name = "sweeper", .threads = 1, .queue = 1}) {}

WallTime Sweeper::due(WallTime now) const {
  const WallTime quiet = next_at_hour(now, options_.hour);
  // A last sweep in the future is one of a clock that was wrong.
  if (!swept_ || *swept_ > now) return later(now, kSettling);
  return std::min(quiet, std::max(later(*swept_, kOverdue), later(now, kSettling)));
}

io::Task<> Sweeper::run() {
  io::Loop& loop = io::Loop::current();
  if (options_.hour < 0) co_return;
  WallTime next = due(loop.clock().wall());
  while (!stop_.stop_requested()) {
    const WallTime now = loop.clock().wall();
    if (now >= next) {
      co_await sweep_once();
      const WallTime ended = loop.clock().wall();
      next = swept_ ? due(ended) : later(ended, kAgain);
    } else if (later(now, std::chrono::hours(48)) < next) {
      next = due(now);  // the clock was set back
    }
    // Short sleeps: the civil clock may jump, and ending is not held up.
    co_await loop.sleep_for(std::chrono::seconds(1));
  }
}

io::Task<> Sweeper::sweep_once() {
  store::SweepOptions options;
  options.octets_per_second = options_.octets_per_second;
  options.compress_after = options_.compress_after;
  options.stop = stop_.get_token();
  auto report = co_await io::run(thread_, [sweep = sweep_, options] {
    setpriority(PRIO_PROCESS, 0, 19);  // on Linux: of this thread
    return sweep(options);
  });
  if (report) {
    swept_ = io::Loop::current().clock().wall();
    log::notice("agent", "swept the store",
                {{"segments", report->segments_swept},
                 {"copied", report->octets_copied},
                 {"compressed", report->octets_unpacked},
                 {"compressed_to", report->octets_packed},
                 {"freed", report->octets_freed},
                 {"waiting", report->octets_waiting}});
  } else {
    swept_.reset();
    if (!stop_.stop_requested()) log::warning("agent", "sweeping the store failed", {{"error", report.error().text()}});
  }
}

}  // namespace angarium::agent
