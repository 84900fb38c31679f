#include "io/event.h"

namespace angarium::io {

EventWaiter::~EventWaiter() { leave_event(); }

void EventWaiter::leave_event() noexcept {
  if (event_) event_->waiter_ = nullptr;
  event_ = nullptr;
}

Event::~Event() {
  if (posted_.load(std::memory_order_acquire)) loop_.withdraw(*this);
  if (waiter_) waiter_->event_ = nullptr;
}

void Event::set() {
  set_ = true;
  if (!waiter_) return;
  EventWaiter& waiter = *std::exchange(waiter_, nullptr);
  waiter.event_ = nullptr;
  set_ = false;
  waiter.event_set();
}

void Event::set_from_any_thread() {
  if (!posted_.exchange(true, std::memory_order_acq_rel)) loop_.post(*this);
}

void Event::run() {
  posted_.store(false, std::memory_order_release);
  set();
}

void Event::set_waiter(EventWaiter& waiter) {
  waiter_ = &waiter;
  waiter.event_ = this;
}

void Event::Wait::event_set() { event_.loop().schedule(*this); }

}  // namespace angarium::io
