#include "io/timer.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace angarium::io {

void Timer::cancel() noexcept {
  if (!wheel_) return;
  *slot_ = next_;
  if (next_) next_->slot_ = slot_;
  Timer** first = wheel_->slots_[0].data();
  Timer** last = first + TimerWheel::kLevels * TimerWheel::kSlots;
  if (!*slot_ && !std::less<>{}(slot_, first) && std::less<>{}(slot_, last)) {
    auto index = slot_ - first;
    wheel_->occupied_[index / TimerWheel::kSlots] &= ~(std::uint64_t{1} << (index % TimerWheel::kSlots));
  }
  wheel_ = nullptr;
  next_ = nullptr;
  slot_ = nullptr;
}

TimerWheel::TimerWheel(Moment now) : now_tick_(now.microseconds / kTick.count()) {}

TimerWheel::~TimerWheel() {
  for (auto& level : slots_)
    for (Timer* timer : level)
      for (; timer; timer = timer->next_) timer->wheel_ = nullptr;
}

void TimerWheel::set(Timer& timer, Moment at) {
  constexpr std::int64_t kHorizon = std::int64_t{1} << (kLevels * kSlotBits);
  timer.cancel();
  auto tick = at.microseconds / kTick.count() + (at.microseconds % kTick.count() > 0 ? 1 : 0);
  timer.tick_ = std::max(tick, now_tick_ + 1);
  if (timer.tick_ < kHorizon) insert(timer);
}

// A timer stands on the level of the highest group of six bits in which its tick differs from now, in the slot of
// those bits: so all slots of a level that are in use come after the current one, and lower levels are due earlier.
void TimerWheel::insert(Timer& timer) {
  auto differs = static_cast<std::uint64_t>((timer.tick_ ^ now_tick_) | (kSlots - 1));
  int level = (63 - std::countl_zero(differs)) / kSlotBits;
  auto slot = static_cast<std::size_t>(timer.tick_ >> (level * kSlotBits)) % kSlots;
  Timer*& head = slots_[static_cast<std::size_t>(level)][slot];
  timer.wheel_ = this;
  timer.next_ = head;
  timer.slot_ = &head;
  if (head) head->slot_ = &timer.next_;
  head = &timer;
  occupied_[static_cast<std::size_t>(level)] |= std::uint64_t{1} << slot;
}

void TimerWheel::take_slot(std::size_t level, std::size_t slot, Timer*& list) {
  list = std::exchange(slots_[level][slot], nullptr);
  if (list) list->slot_ = &list;
  occupied_[level] &= ~(std::uint64_t{1} << slot);
}

std::optional<TimerWheel::Due> TimerWheel::next_due() const {
  for (std::size_t level = 0; level < kLevels; ++level) {
    if (!occupied_[level]) continue;
    auto slot = static_cast<std::size_t>(std::countr_zero(occupied_[level]));
    auto shift = static_cast<int>(level) * kSlotBits;
    auto above = now_tick_ >> (shift + kSlotBits) << (shift + kSlotBits);
    return Due{level, slot, above | static_cast<std::int64_t>(slot) << shift};
  }
  return std::nullopt;
}

void TimerWheel::advance(Moment now) {
  auto target = now.microseconds / kTick.count();
  for (auto due = next_due(); due && due->tick <= target; due = next_due()) {
    now_tick_ = due->tick;
    Timer* list = nullptr;
    take_slot(due->level, due->slot, list);
    while (list) {
      Timer& timer = *list;
      timer.cancel();
      if (timer.tick_ <= now_tick_)
        timer.fire();
      else
        insert(timer);
    }
  }
  now_tick_ = std::max(now_tick_, target);
}

Moment TimerWheel::next() const {
  auto due = next_due();
  return due ? Moment{due->tick * kTick.count()} : Moment::never();
}

}  // namespace angarium::io
