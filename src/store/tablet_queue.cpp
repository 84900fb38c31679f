#include "store/tablet_queue.h"

namespace angarium::store {

bool CommitQueue::push(Batch batch, Completion& completion) {
  CompletionAccess::batch(completion) = std::move(batch);
  CompletionAccess::next(completion) = nullptr;
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return false;
    if (last_ == nullptr) {
      first_ = &completion;
    } else {
      CompletionAccess::next(*last_) = &completion;
    }
    last_ = &completion;
    ++size_;
    wake = std::exchange(sleeping_, false);
  }
  if (wake) filled_.notify_one();
  return true;
}

void CommitQueue::take(std::uint64_t octets_max, std::vector<Completion*>& into) {
  std::lock_guard lock(mutex_);
  std::uint64_t octets = 0;
  while (first_ != nullptr && into.size() < kTakeMax) {
    const Batch& batch = first_->batch();
    octets += batch.metadata_size() + batch.bodies_size();
    if (octets > octets_max && !into.empty()) break;
    into.push_back(first_);
    first_ = CompletionAccess::next(*first_);
    --size_;
  }
  if (first_ == nullptr) last_ = nullptr;
}

bool CommitQueue::wait(std::optional<Duration> at_most) {
  std::unique_lock lock(mutex_);
  bool late = false;
  while (first_ == nullptr && !closed_ && !nudged_ && !late) {
    sleeping_ = true;
    if (at_most) {
      late = filled_.wait_for(lock, *at_most) == std::cv_status::timeout;
    } else {
      filled_.wait(lock);
    }
  }
  sleeping_ = nudged_ = false;
  return first_ != nullptr || !closed_;
}

void CommitQueue::nudge() {
  std::lock_guard lock(mutex_);
  nudged_ = true;
  filled_.notify_all();
}

void CommitQueue::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  filled_.notify_all();
}

std::size_t CommitQueue::size() const {
  std::lock_guard lock(mutex_);
  return size_;
}

}  // namespace angarium::store
