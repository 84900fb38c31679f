// The batches that wait for the committer.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

#include "store/tablet.h"

namespace angarium::store {

/// The store's own view of a completion.
class CompletionAccess {
 public:
  static Batch& batch(Completion& completion) { return completion.batch_; }
  static Completion*& next(Completion& completion) { return completion.next_; }
  static Wake* wake(const Completion& completion) { return completion.wake_; }
};

/// Many threads push, one takes. First in, first out.
class CommitQueue {
 public:
  /// False: the queue is closed; the completion was not taken.
  bool push(Batch batch, Completion& completion);
  /// Takes completions from the front until their batches hold `octets_max` (at least one, if there is one).
  void take(std::uint64_t octets_max, std::vector<Completion*>& into);
  /// Waits for something to take, for nudge(), or so long; false when the queue is closed and empty.
  bool wait(std::optional<Duration> at_most);
  void nudge();
  void close();
  [[nodiscard]] std::size_t size() const;

  static constexpr std::size_t kTakeMax = 1024;  ///< batches of one group

 private:
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  Completion* first_ = nullptr;
  Completion* last_ = nullptr;
  std::size_t size_ = 0;
  bool sleeping_ = false;
  bool closed_ = false;
  bool nudged_ = false;
};

}  // namespace angarium::store
