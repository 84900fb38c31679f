#include "io/waits.h"

namespace angarium::io {

bool Waits::start(StreamWait& wait, Stream& keeper, bool ready) {
  if (closed_) {
    wait.finish(&kCancelled);
    return false;
  }
  auto& loop = Loop::current();
  if (deadline_ <= loop.now()) {
    wait.finish(&kTimedOut);
    return false;
  }
  if (ready) {
    wait.finish();
    return false;
  }
  wait.set_keeper(&keeper);
  slot(wait.direction()) = &wait;
  arm(loop);
  return true;
}

void Waits::stop(StreamWait& wait) noexcept {
  if (slot(wait.direction()) == &wait) slot(wait.direction()) = nullptr;
}

void Waits::set_deadline(Moment deadline) {
  deadline_ = deadline;
  if (input_ || output_) arm(Loop::current());
}

void Waits::arm(Loop& loop) {
  if (deadline_ == Moment::never() || (armed() && armed_for_ <= deadline_)) return;
  armed_for_ = deadline_;
  loop.timers().set(*this, deadline_);
}

void Waits::fire() {
  if (!input_ && !output_) return;
  auto& loop = Loop::current();
  if (deadline_ > loop.now()) return arm(loop);
  end(input_, &kTimedOut);
  end(output_, &kTimedOut);
}

void Waits::close() {
  closed_ = true;
  cancel();
  end(input_, &kCancelled);
  end(output_, &kCancelled);
}

void Waits::end(StreamWait*& slot, const ErrorKind* kind) {
  if (slot) std::exchange(slot, nullptr)->finish(kind);
}

}  // namespace angarium::io
