// What the committer does after a failed write: it makes the end of the log certain again, opens the state anew and
// replays. Readers get kStopped meanwhile if the state was concerned; nothing that is not durable is ever shown, and
// nothing acknowledged is at stake, because it was synced before.
#include <algorithm>
#include <chrono>
#include <condition_variable>

#include "base/log.h"
#include "store/tablet_engine.h"

namespace angarium::store {
namespace {

constexpr Duration kFirstPause = std::chrono::seconds(1);  ///< between attempts; doubled each time
constexpr Duration kLongestPause = std::chrono::minutes(1);
constexpr std::uint64_t kPage = 4096;            ///< what a failed write may have taken with it
constexpr std::uint64_t kStateRoom = 16u << 20;  ///< opening the state writes a little; without room, reading goes on
/// How often it is looked whether readers have let go of the state, and how many times: they hold views for a scan.
constexpr std::chrono::milliseconds kLook{2};
constexpr int kLooks = 2500;

}  // namespace

/// Nothing is taken any more until it is mended.
void Engine::stop(const Error& error) {
  mend_pause_ = mend_pause_ == Duration(0) ? kFirstPause : std::min(2 * mend_pause_, kLongestPause);
  mend_at_ = options_.clock->now() + mend_pause_;
  log::error("store", "stopped",
             {{"error", error.text()}, {"again_in_ms", static_cast<std::uint64_t>(mend_pause_.count() / 1000)}});
  if (!running_.exchange(false)) return;
  spare_made_.notify_all();
  if (options_.on_stop) options_.on_stop(error);
}

std::optional<Duration> Engine::until_mending() const {
  if (running() && !state_suspect_) return std::nullopt;
  const Moment now = options_.clock->now();
  return mend_at_ <= now ? Duration(0) : mend_at_ - now;
}

void Engine::mend_if_due() {
  if (running() && !state_suspect_) return;
  if (mend_at_ > options_.clock->now()) return;
  // Whatever was enqueued by who did not know yet that a batch before it had failed must not be taken afterwards. When
  // the queue is empty, everyone concerned has been told.
  while (!running() && commit_group()) {
  }
  if (Result<> mended = mend(); !mended) {
    stop(mended.error());
    return;
  }
  if (!running_.exchange(true)) log::notice("store", "running again", {{"batch", end_.sequence}});
  mend_pause_ = Duration(0);
}

Result<> Engine::mend() {
  if (tail_suspect_) TRY(cut_tail());
  if (state_suspect_) TRY(reopen_state());
  return {};
}

/// After a failed write or sync nobody knows what the disk has of the group, whatever the cache shows. Its header is
/// wiped, and the page it shares with the group before it is written anew: once that is synced, all is certain.
Result<> Engine::cut_tail() {
  const std::uint64_t from = std::max<std::uint64_t>(SegmentHeader::kSize, end_.offset / kPage * kPage);
  std::string octets(end_.offset - from, '\0');
  if (TRY(active_.file->read(from, octets)) != octets.size())
    return fail(kInputOutput, "the end of the log can't be read again");
  octets.append(GroupHeader::kSize, '\0');
  TRY(active_.file->write(from, octets));
  TRY(active_.file->sync());
  tail_suspect_ = false;
  log::warning("store", "a write failed; the end of the log was made anew",
               {{"segment", std::uint64_t{end_.segment}}, {"batch", end_.sequence}});
  return {};
}

/// The state is shown to nobody any more.
void Engine::hide_state() {
  if (!state_) return;
  std::lock_guard lock(state_mutex_);
  closing_state_ = std::exchange(state_, nullptr);
}

/// The old state must be closed before it can be opened anew: everyone lets go of it, or it stays for now. One that
/// lacks batches of the log stays hidden: what is made of it now would be wrong once they are there.
Result<> Engine::let_go_of_state() {
  hide_state();
  if (!closing_state_) return {};
  std::mutex mutex;
  std::condition_variable pause;
  std::unique_lock lock(mutex);
  for (int look = 0; look < kLooks && closing_state_.use_count() > 1 && options_.threads == Threads::own; ++look)
    pause.wait_for(lock, kLook);
  if (closing_state_.use_count() == 1) {
    closing_state_.reset();
    return {};
  }
  if (closing_state_->applied().sequence == end_.sequence) {
    std::lock_guard showing(state_mutex_);
    state_ = std::move(closing_state_);
  }
  return fail(kStopped, "somebody reads the state for too long");
}

Result<> Engine::reopen_state() {
  if (state_ && state_->applied().sequence != end_.sequence) hide_state();
  Result<Space> space = volume_->space();
  if (space && space->free < std::min(options_.reserve, kStateRoom))
    return fail(kStoreFull, "the volume has no room to open the state again");
  TRY(let_go_of_state());
  state_suspect_ = false;  // of the one that is opened now
  std::lock_guard sealing(sealing_);
  auto open = [&]() -> Result<> {
    std::unique_ptr<State> state = TRY(make_state());
    Replay replay(segments_, *state);
    TRY(replay.run());
    if (replay.end().sequence != end_.sequence) return fail(kDamaged, "the log ends before what was acknowledged");
    replayed(replay);
    std::lock_guard lock(state_mutex_);
    state_ = std::move(state);
    return {};
  };
  if (Result<> opened = open(); !opened) {
    state_suspect_ = true;
    return opened;
  }
  sequence_.store(end_.sequence, std::memory_order_release);
  log::warning("store", "the state could not be written; it was opened again", {{"replayed", replayed_.load()}});
  return {};
}

}  // namespace angarium::store
