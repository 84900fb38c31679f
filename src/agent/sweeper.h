// The store's sweep, once a day at a quiet hour.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "base/time.h"
#include "io/pool.h"
#include "io/task.h"
#include "store/tablet.h"

namespace angarium::agent {

/// The first moment after `now` at which the local clock says `hour`:00.
WallTime next_at_hour(WallTime now, int hour);

struct SweeperOptions {
  int hour = 3;  ///< local time; -1: never
  /// So slow that commits hardly notice, so fast that a day's deletions of a large site are done by the morning.
  std::uint64_t octets_per_second = 16u << 20;
  Duration compress_after{0};  ///< 0: never
};

/// Sweeps on a thread of its own. A sweep that was missed (the host sleeps at night) is made up for.
class Sweeper {
 public:
  using Sweep = std::function<Result<store::SweepReport>(const store::SweepOptions&)>;

  /// `swept` is when the last sweep ended, if there was one.
  Sweeper(Sweep sweep, std::optional<WallTime> swept, SweeperOptions options);
  Sweeper(const Sweeper&) = delete;
  Sweeper& operator=(const Sweeper&) = delete;
  /// A sweep under way ends first.
  ~Sweeper() { stop(); }

  /// Until stop(); at most a second after it, and after a sweep under way has noticed.
  io::Task<> run();
  /// From any thread.
  void stop() { stop_.request_stop(); }

 private:
  [[nodiscard]] WallTime due(WallTime now) const;
  io::Task<> sweep_once();

  Sweep sweep_;
  std::optional<WallTime> swept_;
  SweeperOptions options_;
  std::stop_source stop_;
  io::Pool thread_;
};

}  // namespace angarium::agent
