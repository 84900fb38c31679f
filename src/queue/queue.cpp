#include "queue/queue.h"

#include <algorithm>

#include "queue/limits.h"
#include "queue/record.h"
#include "queue/spool.h"

namespace angarium::queue {

Destination* Spool::known(std::string_view name) {
  const auto at = destinations_.find(name);
  return at == destinations_.end() ? nullptr : &at->second;
}

Destination& Spool::destination(const std::string& name) {
  const auto [at, made] = destinations_.try_emplace(name);
  if (made) at->second.looks = ++looks_;
  return at->second;
}

/// Memory is held for destinations that somebody works for or should, and for some of those that wait.
void Spool::forget(const std::string& name) {
  const auto at = destinations_.find(name);
  if (at == destinations_.end()) return;
  const Destination& one = at->second;
  if (one.announced || !one.ready.empty() || !one.in_hand.empty() || stirred_.contains(name)) return;
  if (one.waits(now()) && destinations_.size() <= kWaitingKept) return;
  destinations_.erase(at);
}

std::shared_ptr<Held> Spool::held(DeliveryId id) {
  if (held_.size() >= purge_at_) {
    std::erase_if(held_, [](const auto& one) { return one.second.expired(); });
    purge_at_ = std::max(kPurge, 2 * held_.size());
  }
  auto& slot = held_[id.bits()];
  if (auto there = slot.lock()) return there;
  auto made = std::make_shared<Held>();
  slot = made;
  return made;
}

void Spool::make_ready(const std::string& name, const Place& place, std::shared_ptr<Held> held) {
  Destination& to = destination(name);
  if (to.in_hand.contains(place)) return;
  // It is found in the store when the wait is over.
  if (to.waits(now())) {
    incomplete(to);
    return due_at(to.backoff->next.microseconds);
  }
  to.ready.insert_or_assign(place, std::move(held));
  if (!to.announced) stirred_.insert(name);
  if (to.ready.size() <= kWindow) return;
  // The last one is found again when the window is empty.
  to.ready.erase(std::prev(to.ready.end()));
  incomplete(to);
}

/// Also times that were looked at already: the civil clock was set back, or the answer of the store came late.
void Spool::due_at(std::int64_t microseconds) {
  put_ = std::min(put_, microseconds);
  next_ = std::min(next_, microseconds);
  if (microseconds <= looked_at_) cursor_ = std::min(cursor_, due_from(microseconds));
}

/// All that it owes is found in the store when the wait is over. That time may have been looked at already: the civil
/// clock was set back.
void Spool::leave_to_backoff(Destination& one) {
  one.ready.clear();
  one.reached_counts = true;
  incomplete(one);
  due_at(one.backoff->next.microseconds);
}

void Spool::look_again(const std::string& name) {
  Destination& one = destination(name);
  incomplete(one);
  if (!one.announced) stirred_.insert(name);
}

Result<Change> Spool::admit(const Entry& entry, std::vector<Lot> lots, std::optional<std::size_t> body,
                            store::Batch& batch) {
  std::vector<Placed> placed;
  std::map<std::string, std::uint16_t, std::less<>> parts;
  const WallTime at = now();
  for (Lot& lot : lots) {
    if (lot.destination.empty() || lot.destination.size() > kDestinationMax ||
        lot.destination.find('\0') != std::string::npos)
      return fail(kTooLong, "a destination of " + std::to_string(lot.destination.size()) + " octets");
    for (std::size_t from = 0; from < lot.recipients.size(); from += kAddresseesMax) {
      if (placed.size() == kConsignmentsMax) return fail(kTooLong, "too many destinations for one message");
      Consignment made{.destination = lot.destination, .rank = rank_of(lot.priority)};
      made.place = {.rank = made.rank,
                    .due = lot.due.value_or(at).microseconds,
                    .entry = entry.id,
                    .part = parts[lot.destination]++};
      const std::size_t to = std::min(from + kAddresseesMax, lot.recipients.size());
      for (std::size_t i = from; i < to; ++i) made.addressees.push_back({std::move(lot.recipients[i]), {}});
      batch.put(consignment_key(made.destination, made.place), encode(made));
      batch.put(whereabouts_key(entry.id, made.destination, made.place.part), encode_whereabouts(made.place));
      batch.put(due_key(made.destination, made.place), "");
      placed.push_back({made.destination, made.place});
    }
  }
  if (placed.empty()) return fail(kTooLong, "a message without recipients is not queued");
  if (body) {
    batch.put_with_body(entry_key(entry.id), encode(entry), *body, kBodyAt);
  } else {
    batch.put(entry_key(entry.id), encode(entry));
  }
  batch.put(event_key(entry.expires, entry.id), "");
  if (entry.notice) batch.put(event_key(*entry.notice, entry.id), "");
  std::shared_ptr<Held> all;
  {
    const std::lock_guard lock(mutex_);
    all = held(entry.id);
    // Known before anybody can have one of them in hand.
    all->counted = true;
    all->left = placed.size();
  }
  return change([this, all = std::move(all), placed = std::move(placed),
                 on_its_way = entry.sealed_key.on_its_way](Told how) mutable {
    {
      const std::lock_guard lock(mutex_);
      came_in(placed, all, how);
    }
    if (how != Told::refused) wake();
  });
}

void Spool::came_in(std::vector<Placed>& placed, const std::shared_ptr<Held>& all, Told how) {
  if (how == Told::refused) return;
  if (how == Told::unknown) {
    for (const Placed& one : placed) doubt(one.destination, nullptr);
    return;
  }
  for (Placed& one : placed) {
    if (one.place.due > now().microseconds) {
      due_at(one.place.due);
    } else {
      make_ready(one.destination, one.place, all);
    }
  }
}

WallTime Spool::next_look() {
  const std::lock_guard lock(mutex_);
  std::int64_t next = next_;
  for (const Doubt& doubt : doubts_) next = std::min(next, doubt.when.microseconds);
  return {std::min(std::max(next, not_before_), now().microseconds + kLookInterval.count())};
}

std::vector<std::string> Spool::awake(std::size_t max) {
  std::vector<std::string> names;
  const std::lock_guard lock(mutex_);
  while (!stirred_.empty() && names.size() < max) {
    const std::string name = std::move(stirred_.extract(stirred_.begin()).value());
    Destination& one = destination(name);
    if (one.announced) continue;
    // One that waits is stirred again when its time has come.
    if (one.waits(now())) {
      leave_to_backoff(one);
      forget(name);
      continue;
    }
    one.announced = true;
    names.push_back(name);
  }
  return names;
}

std::size_t Spool::ready(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const Destination* const one = known(name);
  return one == nullptr ? 0 : one->ready.size();
}

Change::Change(std::unique_ptr<Body> body) : body_(std::move(body)) {}
Change::Change(Change&& other) noexcept = default;
Change& Change::operator=(Change&& other) noexcept {
  if (body_) body_->tell(Told::unknown);
  body_ = std::move(other.body_);
  return *this;
}
Change::~Change() {
  if (body_) body_->tell(Told::unknown);
}
void Change::done() {
  if (const auto body = std::move(body_)) body->tell(Told::done);
}
void Change::refused() {
  if (const auto body = std::move(body_)) body->tell(Told::refused);
}

std::unique_ptr<Queue> Queue::make(store::Tablet& tablet, io::Pool& pool, QueueOptions options) {
  return std::make_unique<Spool>(tablet, pool, std::move(options));
}

}  // namespace angarium::queue
