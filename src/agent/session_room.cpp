#include "agent/session_room.h"

namespace angarium::agent {

io::Task<bool> SessionRoom::take() {
  if (stopped_) co_return false;
  if (!full() && waiters_.empty()) {
    ++taken_;
    co_return true;
  }
  Waiter waiter;
  waiters_.push_back(&waiter);
  co_await waiter.woken.wait();
  co_return waiter.has_place;
}

void SessionRoom::give_back() {
  --taken_;
  while (!waiters_.empty() && !full()) {
    Waiter* const first = waiters_.front();
    waiters_.pop_front();
    ++taken_;
    first->has_place = true;
    first->woken.set();
  }
}

void SessionRoom::stop() {
  stopped_ = true;
  for (Waiter* const waiter : waiters_) waiter->woken.set();
  waiters_.clear();
}

}  // namespace angarium::agent
