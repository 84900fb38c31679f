// The committer: takes what waits, writes it as one group, syncs, applies, completes.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "store/batch_access.h"
#include "store/tablet_engine.h"

namespace angarium::store {
namespace {

/// Groups smaller than this on average wait for the journal more than for the disk, so their segments are zeroed
/// beforehand. Larger ones are not: everything would be written twice for little.
constexpr std::uint64_t kSmallGroup = 16u << 10;
/// So many groups in a row tell what kind of load there is now.
constexpr std::uint64_t kRecentGroups = 256;
/// A group with at most so many octets of changes is answered before the state has it: its writer is most likely alone
/// and waits, and whoever reads meanwhile brings some microseconds of work to an end. Larger ones have many writers,
/// and their readers would all find the state behind.
constexpr std::uint64_t kAnsweredFirst = 4u << 10;
/// The first segment, and one for which small groups leave a segment that is not zeroed.
constexpr std::uint64_t kShortSegment = 4u << 20;

}  // namespace

void Engine::enqueue(Batch batch, Completion& completion) {
  if (!queue_.push(std::move(batch), completion)) return completion.completed(fail(kStopped, "the store is closing"));
  if (options_.threads == Threads::none && options_.on_waiting) options_.on_waiting();
}

void Engine::commit_loop() {
  while (queue_.wait(until_mending())) {
    mend_if_due();
    commit_group();
  }
}

bool Engine::commit_waiting() {
  if (options_.threads == Threads::own) return false;
  mend_if_due();
  bool worked = commit_group();
  if (running()) keep();
  return worked;
}

/// Decides whether a batch may join the group.
void Engine::admit(Taken& taken, bool expectations) {
  Batch& batch = CompletionAccess::batch(*taken.completion);
  if (!running()) {
    taken.refused = Error(kStopped, "the store has stopped");
  } else if (!BatchAccess::refusal(batch).empty()) {
    taken.refused = Error(kTooLarge, BatchAccess::refusal(batch));
  } else if (batch.body_count() > 0 && !accepting()) {
    taken.refused = Error(kStoreFull, "the volume has less free space than the reserve");
  }
  for (const auto& expectation : BatchAccess::expectations(batch)) {
    if (taken.refused) return;
    Result<std::optional<std::string>> value = overlay_.value(expectation.key);
    if (!value) {
      taken.refused = value.error();
    } else if (*value != expectation.value) {
      taken.refused = Error(kExpectation, "a value has changed meanwhile");
    }
  }
  if (taken.refused) return;
  if (expectations) overlay_.add(BatchAccess::metadata(batch));
  builder_.add(batch);
}

bool Engine::commit_group() {
  waiting_.clear();
  taken_.clear();
  builder_.clear();
  overlay_.clear();
  queue_.take(options_.group_size_max, waiting_);
  if (waiting_.empty()) return false;
  bool expectations =
      std::ranges::any_of(waiting_, [](const Completion* c) { return !BatchAccess::expectations(c->batch()).empty(); });
  std::uint64_t next = end_.sequence;
  for (Completion* completion : waiting_) {
    Taken& taken = taken_.emplace_back(completion, std::nullopt);
    admit(taken, expectations);
    if (!taken.refused) taken.sequence = ++next;
  }
  Result<> outcome;
  if (builder_.batches() > 0) outcome = write_group();
  if (!outcome && outcome.error().is(kStoreFull)) outcome = write_without_bodies(expectations);
  complete(outcome);
  settle();
  if (!outcome) refuse_waiting(outcome.error());
  return true;
}

/// The state gets what was answered, unless a reader has brought it there.
void Engine::settle() {
  if (!lagging_.load(std::memory_order_acquire)) return;
  if (catch_up()) return;
  mend_state();  // readers hear kStopped until then
  std::lock_guard lock(lag_mutex_);
  could_not_follow_.reset();
  lagging_.store(false, std::memory_order_release);
}

/// A group that found the disk full, once more without the batches that bring bodies: what frees room must go on.
Result<> Engine::write_without_bodies(bool expectations) {
  builder_.clear();
  overlay_.clear();
  std::uint64_t next = end_.sequence;
  for (Taken& taken : taken_) {
    taken.refused.reset();
    if (taken.completion->batch().body_count() > 0) {
      taken.refused = Error(kStoreFull, "the volume is full");
    } else {
      admit(taken, expectations);
    }
    if (!taken.refused) taken.sequence = ++next;
  }
  if (builder_.batches() == 0) return {};
  return write_group();
}

/// Refuses what was enqueued by somebody who could not know yet that a batch before it had failed.
void Engine::refuse_waiting(const Error& error) {
  for (std::size_t left = queue_.size(); left > 0; left -= std::min(left, waiting_.size())) {
    waiting_.clear();
    taken_.clear();
    queue_.take(UINT64_MAX, waiting_);
    for (Completion* completion : waiting_) taken_.emplace_back(completion, error);
    complete({});
  }
}

Result<> Engine::write_group() {
  TRY(make_room(builder_.length()));
  const GroupHeader& header = builder_.assemble({active_.segment.number, active_.segment.salt, end_.offset,
                                                 end_.sequence + 1, end_.chain, options_.clock->wall().microseconds});
  TRY(put_group(header));
  end_ = {header.last_sequence(), active_.segment.number, end_.offset + header.length(), header.chain()};
  if (may_lag()) {
    lagging_.store(true, std::memory_order_release);
  } else if (!state_->apply(builder_.operations(), end_)) {
    mend_state();
  }
  count_group(header);
  return {};
}

/// Whether the group may be answered before the state has it: that will be a matter of microseconds then.
bool Engine::may_lag() const { return builder_.metadata_length() <= kAnsweredFirst && !state_->delays(); }

/// It is in the log: opening the state again applies it.
void Engine::mend_state() {
  state_suspect_ = true;
  if (Result<> mended = mend(); !mended) stop(mended.error());
}

void Engine::count_group(const GroupHeader& header) {
  active_bodies_ += header.bodies_length;
  ++active_groups_;
  ++recent_groups_;
  recent_octets_ += header.length();
  sequence_.store(end_.sequence, std::memory_order_release);
  groups_.fetch_add(1, std::memory_order_relaxed);
  std::lock_guard lock(keeper_mutex_);
  unflushed_metadata_ += builder_.metadata_length();
  unflushed_batches_ += header.batches;
  unflushed_log_ += header.length();
  bool due = unflushed_metadata_ >= options_.flush_metadata || unflushed_batches_ >= options_.flush_batches ||
             unflushed_log_ >= options_.flush_log;
  if (!spare_wanted_) {
    want_spare();
    due = due || spare_wanted_;
  }
  if (due && !keeper_nudged_) {
    keeper_nudged_ = true;
    keeper_wake_.notify_one();
  }
}

Segments::Room Engine::short_room() const {
  const std::uint64_t size = std::min(options_.segment_size, kShortSegment);
  return {size, size};
}

/// Under the keeper's mutex: a spare is due when half of the active segment is full, or when small groups pay for a
/// segment that is not zeroed.
void Engine::want_spare() {
  if (end_.offset >= active_.room.reserved / 2) {
    const bool small = end_.offset / active_groups_ < kSmallGroup;
    spare_wanted_ = {options_.segment_size, small ? options_.segment_size : 0};
  } else if (recent_groups_ >= kRecentGroups) {
    leave_early_ = active_.room.zeroed == 0 && recent_octets_ / recent_groups_ < kSmallGroup;
    if (leave_early_) spare_wanted_ = short_room();
    recent_groups_ = recent_octets_ = 0;
  }
}

/// Writes and syncs. A full disk refuses the group and leaves the place as it was; after any other error the tail of
/// the log is mended and the group written once more; if that fails, too, the tablet stops.
Result<> Engine::put_group(const GroupHeader& header) {
  for (bool again : {false, true}) {
    Result<> written = active_.file->write(end_.offset, builder_.parts());
    if (!written && written.error().is(kStoreFull)) {
      // A later group may go to another segment: what looks like the beginning of this one must not stay.
      Result<> wiped = active_.file->write(end_.offset, std::string(GroupHeader::kSize, '\0'));
      if (wiped) wiped = active_.file->sync();
      if (wiped) return written;
      written = wiped;
    }
    if (written) written = active_.file->sync();
    if (written) return {};
    tail_suspect_ = true;
    Result<> mended = again ? Result<>(std::unexpected(written.error())) : mend();
    if (mended) continue;
    stop(mended.error());
    return fail(kStopped, fmt::format("writing batch {} failed: {}", header.sequence, written.error().text()));
  }
  std::unreachable();
}

/// Goes on to the spare segment if the group does not fit or syncs faster there.
Result<> Engine::make_room(std::uint64_t length) {
  const bool empty = end_.offset == SegmentHeader::kSize;
  const bool fits = empty || end_.offset + length <= active_.room.reserved;
  const bool roll = roll_wanted_ && !empty;
  if (fits && !leave_early_ && !roll) return {};
  std::unique_lock lock(keeper_mutex_);
  if (fits && !roll && !spare_) return {};
  if (!spare_)
    last_resort_ = std::ranges::none_of(
        taken_, [](const Taken& taken) { return !taken.refused && taken.completion->batch().body_count() > 0; });
  if (options_.threads == Threads::none) {
    if (!spare_wanted_) spare_wanted_ = {options_.segment_size, 0};
    lock.unlock();
    if (!spare_) TRY(make_spare());
    lock.lock();
  } else if (!spare_) {
    spare_failed_.reset();
    if (!spare_wanted_) spare_wanted_ = {options_.segment_size, 0};
    keeper_nudged_ = true;
    keeper_wake_.notify_one();
    spare_made_.wait(lock, [this] { return spare_ || spare_failed_ || !running(); });
    if (!spare_) return spare_failed_ ? std::unexpected(*spare_failed_) : fail(kStopped, "the store has stopped");
  }
  roll_wanted_ = false;
  rolled_.push_back({active_.segment, end_, std::exchange(active_bodies_, 0)});
  active_groups_ = 0;
  leave_early_ = false;
  spare_wanted_.reset();
  active_ = *std::exchange(spare_, std::nullopt);
  end_ = {end_.sequence, active_.segment.number, SegmentHeader::kSize, end_.chain};
  keeper_nudged_ = true;
  keeper_wake_.notify_one();
  return {};
}

void Engine::complete(const Result<>& outcome) {
  wakes_.clear();
  for (Taken& taken : taken_) {
    Wake* wake = CompletionAccess::wake(*taken.completion);
    if (wake != nullptr && std::ranges::find(wakes_, wake) == wakes_.end()) wakes_.push_back(wake);
    if (taken.refused) {
      taken.completion->completed(std::unexpected(std::move(*taken.refused)));
    } else if (!outcome) {
      taken.completion->completed(std::unexpected(outcome.error()));
    } else {
      taken.completion->completed(CommitInfo{taken.sequence});
    }
  }
  for (Wake* wake : wakes_) wake->wake();
}

}  // namespace angarium::store
