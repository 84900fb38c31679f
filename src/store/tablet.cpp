#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "store/batch_access.h"
#include "store/keys.h"
#include "store/tablet_engine.h"

namespace angarium::store {
namespace {

/// Waits for one batch.
class Waiting final : public Completion {
 public:
  void completed(Result<CommitInfo> result) noexcept override {
    std::lock_guard lock(mutex_);
    result_ = std::move(result);
    done_.notify_one();
  }
  [[nodiscard]] bool done() {
    std::lock_guard lock(mutex_);
    return result_.has_value();
  }
  Result<CommitInfo> wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return result_.has_value(); });
    return std::move(*result_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  std::optional<Result<CommitInfo>> result_;
};

}  // namespace

Result<std::unique_ptr<State>> open_state(Volume& volume, const TabletOptions& options, std::string_view folder) {
  StateOptions how{options.mergers, options.cache_size, options.threads, folder};
  return options.state == StateKind::rocksdb ? open_rocksdb_state(volume, how) : open_sorted_state(volume, how);
}

Result<std::unique_ptr<Tablet>> Tablet::open(std::unique_ptr<Volume> volume, TabletOptions options) {
  auto engine = std::make_unique<Engine>(std::move(volume), std::move(options));
  TRY(engine->start());
  return engine;
}

Result<CommitInfo> Tablet::commit_and_wait(Batch batch) {
  Waiting waiting;
  enqueue(std::move(batch), waiting);
  while (!waiting.done() && commit_waiting()) {
  }
  return waiting.wait();
}

Engine::Engine(std::unique_ptr<Volume> volume, TabletOptions options)
    : volume_(std::move(volume)),
      options_(std::move(options)),
      segments_(*volume_, *options_.clock, *options_.random),
      overlay_(state_, options_.mergers) {}

Result<> Engine::start() {
  TRY(segments_.load());
  state_ = TRY(make_state());
  Replay replay(segments_, *state_);
  TRY(replay.run());
  TRY(replay.finish());
  TRY(segments_.remove_leftovers());
  end_ = replay.end();
  sequence_ = end_.sequence;
  replayed(replay);
  for (const Segment& segment : segments_.all()) {
    if (segment.phase != Phase::open) continue;
    std::shared_ptr<File> file = TRY(segments_.file(segment.number));
    if (segment.kind == SegmentKind::bodies) {
      std::uint64_t end = aligned(TRY(file->size()));
      (end < options_.body_segment_size ? body_segments_ : full_body_segments_).push_back({{segment, file, {}}, end});
    } else if (segment.number == end_.segment) {
      active_ = {segment, file, {TRY(file->size()), 0}};
    } else {
      spare_ = Segments::Created{segment, file, {TRY(file->size()), 0}};
    }
  }
  if (!active_.file && spare_) active_ = *std::exchange(spare_, std::nullopt);
  // The first one is short, so that a new store is there at once; the keeper prepares the next meanwhile.
  if (!active_.file) active_ = TRY(segments_.create(SegmentKind::log, Phase::open, short_room()));
  if (end_.segment != active_.segment.number)
    end_ = {end_.sequence, active_.segment.number, SegmentHeader::kSize, end_.chain};
  for (const FileEntry& entry : TRY(volume_->list()))
    if (entry.name == kBallastName && entry.size >= 2 * short_room().reserved) ballast_ = true;
  active_bodies_ = TRY(describe_sealed(segments_, active_.segment, {})).bodies;
  look_at_space();
  running_ = true;
  log::notice("store", "open",
              {{"batch", end_.sequence}, {"replayed", replayed_}, {"segment", std::uint64_t{end_.segment}}});
  if (options_.threads == Threads::own) {
    committer_ = std::thread([this] { commit_loop(); });
    keeper_ = std::thread([this] { keep_loop(); });
  }
  return {};
}

Result<std::unique_ptr<State>> Engine::make_state() {
  Result<std::unique_ptr<State>> opened = open_state(*volume_, options_);
  if (!opened && opened.error().is(kDamaged)) {
    // The state is only an index of the log: a crash that left it torn costs a longer replay and nothing else.
    log::warning("store", "the state is damaged and is made anew from the log", {{"error", opened.error().text()}});
    TRY(remove_state(*volume_));
    opened = open_state(*volume_, options_);
  }
  if (!opened && opened.error().is(kStoreFull)) {
    // Without room nothing could be read: what is kept for the last moment serves for this.
    TRY(volume_->remove(std::string(kBallastName)));
    opened = open_state(*volume_, options_);
  }
  if (!opened || (*opened)->applied().sequence > 0) return opened;
  // An empty state, or one whose making was interrupted, begins with the newest image in the log.
  std::optional<Segment> image = newest_image(segments_);
  if (!image) return opened;
  opened->reset();
  TRY(remove_state(*volume_));
  std::unique_ptr<State> state = TRY(open_state(*volume_, options_));
  TRY(load_image(segments_, *image, *state));
  return state;
}

/// The state has all of the log; what a flush would write is what was replayed.
void Engine::replayed(const Replay& replay) {
  std::lock_guard lock(keeper_mutex_);
  replayed_ = replay.batches();
  flushed_sequence_ = replay.start().sequence;
  unflushed_batches_ = replay.batches();
  unflushed_metadata_ = replay.metadata();
  unflushed_log_ = 0;
  flushed_at_ = options_.clock->now();
}

Engine::~Engine() {
  queue_.close();
  if (committer_.joinable()) committer_.join();
  while (options_.threads == Threads::none && running() && commit_group()) {
  }
  {
    std::lock_guard lock(keeper_mutex_);
    closing_ = true;
  }
  keeper_wake_.notify_all();
  if (keeper_.joinable()) keeper_.join();
  if (!running() || !state()) return;
  if (Result<> sealed = seal_rolled(); !sealed)
    log::warning("store", "seal at closing failed", {{"error", sealed.error().text()}});
  // Nothing is lost if this fails: the next opening replays.
  if (Result<> flushed = flush(); !flushed)
    log::warning("store", "flush at closing failed", {{"error", flushed.error().text()}});
}

Stats Engine::stats() {
  Stats stats;
  stats.sequence = sequence();
  stats.flushed_sequence = flushed_sequence_;
  stats.groups = groups_;
  stats.replayed = replayed_;
  stats.waiting = queue_.size();
  for (const Segment& segment : segments_.all()) {
    ++stats.segments;
    if (segment.kind == SegmentKind::cold && segment.phase == Phase::sealed && segment.unpacked > 0) {
      stats.cold += segment.bodies;
      stats.unpacked += segment.unpacked;
    }
    stats.log_size += segment.phase == Phase::sealed     ? segment.size
                      : segment.kind == SegmentKind::log ? options_.segment_size
                                                         : 0;
  }
  stats.dead = dead_;
  Result<std::optional<std::string>> swept = get(kSweptKey, {});
  KeyReader moment(swept && *swept ? std::string_view(**swept) : std::string_view());
  WallTime when{static_cast<std::int64_t>(moment.u64())};
  if (moment.done()) stats.swept = when;
  if (Result<Space> space = volume_->space()) stats.space = *space;
  stats.accepting = accepting();
  return stats;
}

}  // namespace angarium::store
