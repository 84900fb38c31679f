// What every body of a stream keeps for those who wait on it: the waits, the deadline, whether it is closed.
#pragma once

#include "io/stream.h"

namespace angarium::io {

/// At most one wait in each direction. On one loop, which it learns when first needed.
class Waits final : Timer {
 public:
  /// Keeps `wait` for `keeper` and returns true; or finishes it with kCancelled, kTimedOut or, when `ready`, readiness.
  bool start(StreamWait& wait, Stream& keeper, bool ready);
  void stop(StreamWait& wait) noexcept;
  void set_deadline(Moment deadline);
  void wake(Direction direction) { end(slot(direction), nullptr); }
  void close();
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] bool waiting(Direction direction) { return slot(direction) != nullptr; }

 private:
  void fire() override;
  void arm(Loop& loop);
  StreamWait*& slot(Direction direction) { return direction == Direction::input ? input_ : output_; }
  static void end(StreamWait*& slot, const ErrorKind* kind);

  StreamWait* input_ = nullptr;
  StreamWait* output_ = nullptr;
  Moment deadline_ = Moment::never();
  Moment armed_for_ = Moment::never();  ///< the deadline may move on without touching the wheel
  bool closed_ = false;
};

}  // namespace angarium::io
