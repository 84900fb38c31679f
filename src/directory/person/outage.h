// Whether a directory is away: asked for everybody who comes, it would keep each of them waiting.
#pragma once

#include <mutex>

#include "base/time.h"

namespace angarium::directory {

/// Any thread.
class Outage {
 public:
  /// After a failure nobody asks for so long; then one tries, and the others have to do without for as long again.
  static constexpr Duration kPause = std::chrono::seconds(5);

  explicit Outage(const Clock& clock = system_clock()) : clock_(clock) {}

  /// Whether to ask now. Who is told yes says afterwards which it was.
  bool may_ask();
  /// True when an outage begins with it.
  bool failed();
  /// True when it ends an outage.
  bool answered();

 private:
  const Clock& clock_;
  std::mutex mutex_;  // of all that follows
  bool away_ = false;
  Moment again_;
};

}  // namespace angarium::directory
