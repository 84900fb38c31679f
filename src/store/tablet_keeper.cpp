// Housekeeping beside the committer: spare segments, sealing, flushing, free space, removal of what was swept.
#include <algorithm>

#include "base/counters.h"
#include "base/log.h"
#include "store/tablet_engine.h"

namespace angarium::store {
namespace {

Counter free_octets("angarium_store_free_octets", "Octets free on the store's volume.", CounterKind::gauge);
Counter accepting_mail("angarium_store_accepting", "1 while mail is accepted, 0 while the volume is nearly full.",
                       CounterKind::gauge);

constexpr std::chrono::seconds kRound{1};  ///< how often the keeper looks around without being called

}  // namespace

void Engine::nudge_keeper() {
  std::lock_guard lock(keeper_mutex_);
  keeper_nudged_ = true;
  keeper_wake_.notify_one();
}

void Engine::keep_loop() {
  std::unique_lock lock(keeper_mutex_);
  while (!closing_) {
    keeper_nudged_ = false;
    lock.unlock();
    if (running()) keep();
    lock.lock();
    if (!closing_) keeper_wake_.wait_for(lock, kRound, [this] { return keeper_nudged_ || closing_; });
  }
}

void Engine::keep() {
  look_at_space();
  // Each may fail on a full disk and is tried again in the next round; none endangers what is in the log.
  auto attempt = [](std::string_view what, const Result<>& result) {
    if (!result) log::warning("store", what, {{"error", result.error().text()}});
  };
  attempt("no spare segment", make_spare());
  attempt("sealing failed", seal_rolled());
  attempt("sealing bodies failed", seal_full_bodies());
  attempt("flush failed", flush_if_due());
  attempt("removing failed", remove_retired());
}

/// Where there is no room for a whole segment, a short one; as the last resort, one in the room of the ballast.
Result<Segments::Created> Engine::create_spare(const Segments::Room& room, bool last_resort) {
  Result<Segments::Created> made = segments_.create(SegmentKind::log, Phase::open, room);
  auto full = [&] { return !made && made.error().is(kStoreFull); };
  const Segments::Room small{short_room().reserved, 0};
  if (full() && room.reserved > small.reserved) made = segments_.create(SegmentKind::log, Phase::open, small);
  if (full() && last_resort && drop_ballast()) made = segments_.create(SegmentKind::log, Phase::open, small);
  return made;
}

/// Twice what a short segment takes: the table and the directory need some, too.
void Engine::keep_ballast() {
  std::lock_guard lock(ballast_mutex_);
  if (ballast_) return;
  auto make = [&]() -> Result<> {
    std::shared_ptr<File> file = TRY(volume_->open(std::string(kBallastName), Opening::create));
    TRY(file->preallocate(2 * short_room().reserved));
    return file->sync();
  };
  ballast_ = make().has_value();
  // What is left of it goes with the next attempt.
  if (!ballast_) (void)volume_->remove(std::string(kBallastName));
}

bool Engine::drop_ballast() {
  std::lock_guard lock(ballast_mutex_);
  if (!std::exchange(ballast_, false)) return false;
  log::warning("store", "the volume is full: changes without mail go on in the last room kept for them");
  return volume_->remove(std::string(kBallastName)).has_value();
}

Result<> Engine::make_spare() {
  Segments::Room room;
  bool last_resort = false;
  {
    std::lock_guard lock(keeper_mutex_);
    if (spare_ || !spare_wanted_) return {};
    room = *spare_wanted_;
    last_resort = std::exchange(last_resort_, false);
  }
  Result<Segments::Created> made = create_spare(room, last_resort);
  std::lock_guard lock(keeper_mutex_);
  if (made) {
    spare_ = std::move(*made);
  } else {
    spare_failed_ = made.error();
  }
  spare_made_.notify_all();
  return made ? Result<>() : std::unexpected(made.error());
}

Result<> Engine::seal_rolled() {
  std::lock_guard sealing(sealing_);
  while (true) {
    Rolled rolled;
    {
      std::lock_guard lock(keeper_mutex_);
      if (rolled_.empty()) return {};
      rolled = rolled_.front();
    }
    Segment sealed = TRY(describe_sealed(segments_, rolled.segment, rolled.end));
    sealed.bodies = rolled.bodies;
    sealed.since = options_.clock->wall().microseconds;
    std::shared_ptr<File> file = TRY(segments_.file(sealed.number));
    TRY(segments_.change([&](auto& all) { all[sealed.number] = sealed; }));
    {
      std::lock_guard lock(keeper_mutex_);
      rolled_.erase(rolled_.begin());
    }
    // Not before: an open segment that is shorter than what was reserved for it is damage.
    TRY(file->truncate(sealed.size));
    TRY(file->sync());
  }
}

Result<> Engine::flush_if_due() {
  {
    std::lock_guard lock(keeper_mutex_);
    bool due = unflushed_metadata_ >= options_.flush_metadata || unflushed_batches_ >= options_.flush_batches ||
               unflushed_log_ >= options_.flush_log ||
               (unflushed_batches_ > 0 && options_.clock->now() - flushed_at_ >= options_.flush_interval);
    if (!due) return {};
  }
  return flush();
}

Result<> Engine::flush() {
  std::lock_guard flushing(flushing_);
  std::shared_ptr<State> state = TRY(this->state());
  {
    // RocksDB takes no more writes after a flush that found no room; as long as it keeps all in memory, it does.
    std::lock_guard lock(keeper_mutex_);
    Result<Space> space = volume_->space();
    if (space && unflushed_metadata_ > 0 && space->free < unflushed_metadata_)
      return fail(kStoreFull, "the volume has no room to flush the state");
  }
  {
    std::lock_guard lock(keeper_mutex_);
    unflushed_metadata_ = unflushed_batches_ = unflushed_log_ = 0;
    flushed_at_ = options_.clock->now();
  }
  state = TRY(this->state());  // with all that was counted
  std::uint64_t applied = state->applied().sequence;
  Result<> flushed = state->flush();
  if (flushed) {
    flushed_sequence_ = applied;
  } else {
    // It may take no more writes (RocksDB does not, after this): the committer opens it again before it needs it.
    state_suspect_ = true;
    queue_.nudge();
  }
  return flushed;
}

Result<> Engine::remove_retired() {
  for (const Segment& segment : segments_.all()) {
    if (segment.phase != Phase::retired || segments_.young(segment, options_.grace)) continue;
    TRY(segments_.remove(segment.number));
    std::lock_guard lock(dictionaries_mutex_);
    dictionaries_.erase(segment.number);
  }
  return {};
}

std::uint64_t Engine::reserve_of(const Space& space) const {
  auto share = static_cast<std::uint64_t>(static_cast<double>(space.total) * options_.reserve_share);
  const bool by_default = options_.reserve == TabletOptions::kReserve;
  return by_default ? std::min(options_.reserve, share) : options_.reserve;
}

void Engine::look_at_space() {
  Result<Space> space = volume_->space();
  if (!space) return;
  free_octets.set(static_cast<std::int64_t>(space->free));
  bool enough = space->free >= reserve_of(*space);
  accepting_mail.set(enough ? 1 : 0);
  if (accepting_.exchange(enough, std::memory_order_relaxed) != enough)
    log::warning("store", enough ? "accepting mail again" : "refusing mail: the volume is nearly full",
                 {{"free", space->free}});
  if (enough) keep_ballast();
}

}  // namespace angarium::store
