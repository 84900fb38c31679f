// Sweeping: marks the bodies that live, then rewrites the segments that are mostly dead. References stay as they are; a
// relocation (segment, offset) → (segment, offset) in the state leads to where the octets went.
#include "store/tablet_sweep.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>

#include "base/crc32c.h"
#include "store/batch_access.h"
#include "store/keys.h"

namespace angarium::store {
namespace {

constexpr std::size_t kBatchOctets = 1u << 20;       ///< relocations committed at once
constexpr std::uint64_t kPauseOctets = 256u << 10;   ///< copied between two pauses: short enough that nobody waits long
constexpr std::uint64_t kImageMetadata = 64u << 20;  ///< so much metadata since the last image is not worth a new one

}  // namespace

Result<SweepReport> Engine::sweep(const SweepOptions& options) {
  if (options_.body_refs == nullptr) return fail(kUnsupported, "nobody knows what lives: there is no BodyRefs");
  std::lock_guard chores(chores_);
  return Sweep(*this, options).run();
}

Result<SweepReport> Sweep::run() {
  // What a chore left that ended with an error; opening the store removes it, too.
  for (const Segment& segment : engine_.segments_.all())
    if (segment.phase == Phase::filling) TRY(engine_.segments_.remove(segment.number));
  TRY(close_old());
  TRY(engine_.seal_rolled());
  TRY(renew_image());
  TRY(engine_.flush());  // what an image covers may go only when the state has it, too
  TRY(mark());
  TRY(tidy_relocations());
  choose();
  TRY(choose_dictionary());
  std::uint64_t done = 0;
  const std::uint64_t all = victims_.size() + cooling_.size();
  for (const std::vector<Segment>* some : {&victims_, &cooling_}) {
    for (const Segment& victim : *some) {
      TRY(go_on());
      if (options_.progress) options_.progress(done++, all);
      TRY(some == &victims_ ? rewrite(victim) : cool(victim));
    }
  }
  if (options_.progress) options_.progress(done, all);
  TRY(engine_.remove_retired());
  Batch batch;
  const std::int64_t end = engine_.options_.clock->wall().microseconds;
  BatchAccess::put_own(batch, kSweptKey, KeyWriter().u64(static_cast<std::uint64_t>(end)).key());
  TRY(commit(batch));
  for (const Segment& segment : engine_.segments_.all())
    if (segment.phase == Phase::retired) report_.octets_waiting += segment.size;
  report_.octets_freed = retired_octets_ > report_.octets_copied ? retired_octets_ - report_.octets_copied : 0;
  return report_;
}

/// Only closed segments can be swept; on a quiet server one would stay open for years. The next sweep looks at them.
Result<> Sweep::close_old() {
  const std::int64_t before = now_ - options_.dead_age_max.count();
  TRY(engine_.close_bodies_before(before));
  std::optional<Segment> active = engine_.segments_.find(TRY(engine_.state())->applied().segment);
  if (!active || active->kind != SegmentKind::log || active->phase != Phase::open || active->created >= before)
    return {};
  engine_.roll_wanted_ = true;
  Batch nothing;
  BatchAccess::erase_own(nothing, relocation_key(0, 0));  // there is no segment 0
  return commit(nothing);
}

Result<> Sweep::go_on() const {
  if (options_.stop.stop_requested()) return fail(kStopped, "sweeping was asked to end");
  return {};
}

/// After octets were copied: has the disk begin with them, so that no sync finds much at once, and pauses.
Result<> Sweep::wrote(File& file, std::uint64_t offset, std::uint64_t length) {
  file.start_writing(offset, length);
  return pause_after(length);
}

Result<> Sweep::pause_after(std::uint64_t octets_done) {
  since_pause_ += octets_done;
  if (since_pause_ < kPauseOctets) return {};
  const std::uint64_t octets = std::exchange(since_pause_, 0);
  if (options_.octets_per_second > 0) {
    std::mutex mutex;
    std::condition_variable_any pause;
    std::unique_lock lock(mutex);
    const auto seconds = static_cast<double>(octets) / static_cast<double>(options_.octets_per_second);
    pause.wait_for(lock, options_.stop, std::chrono::duration<double>(seconds), [] { return false; });
  }
  return go_on();
}

/// A new image when the metadata behind the last one outweighs it, or has lain there too long.
Result<> Sweep::renew_image() {
  std::optional<Segment> image = newest_image(engine_.segments_);
  std::uint64_t covered = image ? image->last : 0;
  std::uint64_t metadata = 0;
  bool old = false;
  // Bodies leave the log for a cold segment only when nothing else of it is needed.
  const bool packs = options_.compress_after.count() > 0;
  bool cold = false;
  for (const Segment& segment : engine_.segments_.all()) {
    if (segment.kind != SegmentKind::log || segment.phase != Phase::sealed || segment.last <= covered) continue;
    metadata += segment.size - segment.bodies;
    old = old || now_ - segment.created > options_.dead_age_max.count();
    cold = cold || (packs && now_ - segment.created > options_.compress_after.count());
  }
  std::uint64_t worth = std::max(kImageMetadata, image ? 2 * image->size : 0);
  if (metadata >= worth || (old && metadata > 0)) {
    TRY(engine_.write_image_locked());
  } else if (cold && metadata > 0) {
    TRY(renew_image_for_cooling(metadata));
  }
  image = newest_image(engine_.segments_);
  covered_ = image ? image->last : 0;
  return {};
}

Result<> Sweep::mark() {
  // Before the view is taken: of a segment sealed later, the view does not know what lives. A body that was streamed
  // aside is not in any view before its batch: its segment stays for the grace.
  for (const Segment& segment : engine_.segments_.all())
    if (segment.phase == Phase::sealed && segment.kind != SegmentKind::image &&
        !engine_.segments_.young(segment, engine_.options_.grace))
      marked_.push_back(segment);
  const ReadView view = TRY(engine_.view(Tier::any));
  Reading reading{&view, Tier::any};
  std::vector<BodyRef> refs;
  TRY(engine_.scan(
      {}, {}, {},
      [&](std::string_view key, std::string_view value) {
        engine_.options_.body_refs->visit(key, value, [&](const BodyRef& ref) { refs.push_back(ref); });
        return Step::next;
      },
      reading));
  std::ranges::sort(refs);
  refs.erase(std::ranges::unique(refs).begin(), refs.end());
  for (const BodyRef& ref : refs) {
    Result<Engine::Location> at = engine_.locate(ref, Tier::any);
    if (!at && at.error().is(kMissing)) continue;  // verify reports it
    if (!at) return std::unexpected(at.error());
    live_[at->segment].push_back({*at, ref});
    if (at->segment != ref.segment) moved_[{ref.segment, ref.offset}] = *at;
  }
  return {};
}

/// Every living body that moved keeps one relocation, from its reference to where it is; all others go.
Result<> Sweep::tidy_relocations() {
  std::vector<std::pair<Engine::Location, Engine::Location>> known;
  Result<> malformed;
  std::shared_ptr<State> state = TRY(engine_.state());
  TRY(state->scan(kRelocationPrefix, after_prefix(kRelocationPrefix), {},
                  [&](std::string_view key, std::string_view value) {
                    auto from = Engine::Location::decode(key.substr(kRelocationPrefix.size()));
                    auto to = Engine::Location::decode(value);
                    if (from && to) known.emplace_back(*from, *to);
                    return Step::next;
                  },
                  {}));
  state.reset();
  // Where the table is lost, the former one counts, to which the newest copy may be unfinished still: then only the
  // links lead to what it was made of. Once both know it, they may go.
  if (!known.empty()) TRY(engine_.segments_.change([](auto&) {}));
  Batch batch;
  for (const auto& [from, to] : known) {
    auto wanted = moved_.find(from);
    if (wanted == moved_.end() || wanted->second == to) continue;
    BatchAccess::put_own(batch, relocation_key(from.segment, from.offset), wanted->second.encode());
    if (batch.metadata_size() > kBatchOctets) TRY(commit(batch));
  }
  TRY(commit(batch));  // only then may the links between go
  for (const auto& [from, to] : known) {
    if (moved_.contains(from)) continue;
    BatchAccess::erase_own(batch, relocation_key(from.segment, from.offset));
    if (batch.metadata_size() > kBatchOctets) TRY(commit(batch));
  }
  return commit(batch);
}

Result<> Sweep::commit(Batch& batch) {
  if (batch.empty()) return {};
  TRY(engine_.commit_and_wait(std::exchange(batch, Batch())));
  return {};
}

void Sweep::choose() {
  std::uint64_t all_dead = 0;
  for (const Segment& segment : marked_) {
    std::uint64_t live = 0;
    for (const Living& body : live_[segment.number])
      live += body.at.stored > 0 ? packed_record_size(body.at.stored) : body_record_size(body.ref.length);
    std::uint64_t dead = segment.bodies > live ? segment.bodies - live : 0;
    if (segment.kind == SegmentKind::log && segment.last <= covered_)
      dead += segment.size - SegmentHeader::kSize - segment.bodies;
    all_dead += dead;
    bool mostly = static_cast<double>(dead) > options_.dead_share * static_cast<double>(segment.size);
    bool old = dead > 0 && now_ - segment.created > options_.dead_age_max.count();
    if (mostly || old)
      victims_.push_back(segment);
    else if (segment.kind != SegmentKind::cold && packs(segment))
      cooling_.push_back(segment);
  }
  engine_.dead_ = all_dead;
}

/// Copies what is needed of the victim into a new segment, makes the relocations durable, then exchanges the two.
Result<> Sweep::rewrite(const Segment& victim) {
  const std::vector<Living>& living = live_[victim.number];
  bool groups = victim.kind == SegmentKind::log && victim.last > covered_;
  std::optional<Segment> written;
  if (groups || !living.empty()) {
    const SegmentKind kind = groups ? SegmentKind::log : packs(victim) ? SegmentKind::cold : SegmentKind::bodies;
    Segments::Created made = TRY(engine_.segments_.create(kind, Phase::filling, {}));
    Result<Segment> copied = groups                      ? copy_groups(victim, living, made)
                             : kind == SegmentKind::cold ? pack_bodies(victim, living, made)
                                                         : copy_bodies(victim, living, made);
    if (!copied) {
      TRY(engine_.segments_.remove(made.segment.number));
      return std::unexpected(copied.error());
    }
    written = *copied;
    Batch batch;
    for (const auto& [from, to] : moves_) {
      BatchAccess::put_own(batch, relocation_key(from.segment, from.offset), to.encode());
      if (batch.metadata_size() > kBatchOctets) TRY(commit(batch));
    }
    TRY(commit(batch));
  }
  TRY(engine_.segments_.change([&](auto& all) {
    if (written) all[written->number] = *written;
    Segment& old = all[victim.number];
    old.phase = Phase::retired;
    old.since = engine_.options_.clock->wall().microseconds;
  }));
  retired_octets_ += victim.size;
  ++report_.segments_swept;
  if (written) report_.octets_copied += written->size;
  if (written && written->kind == SegmentKind::cold) {
    ++report_.segments_packed;
    report_.octets_unpacked += written->unpacked;
    report_.octets_packed += written->bodies;
  }
  return {};
}

Result<std::uint64_t> Sweep::copy_body(const Living& body, const Segments::Created& to, std::uint64_t offset,
                                       std::uint32_t& headers_crc) {
  const BodyRef& ref = body.ref;
  auto header = BodyHeader{ref.codec, ref.key, ref.length, ref.crc}.encode(to.segment.salt);
  std::string_view header_octets(header.data(), header.size());
  headers_crc = crc32c(header_octets, headers_crc);
  TRY(to.file->write(offset, header_octets));
  ChunkSums sums;
  std::uint64_t at = offset + BodyHeader::kSize;
  TRY(engine_.read_whole(body.at, ref, [&](std::string_view octets) -> Result<> {
    sums.add(octets);
    TRY(to.file->write(at, octets));
    at += octets.size();
    return wrote(*to.file, at - octets.size(), octets.size());
  }));
  std::vector<std::uint32_t> chunks = sums.finish();
  std::string rest(reinterpret_cast<const char*>(chunks.data()), chunk_list_size(ref.length));
  rest.resize(body_record_size(ref.length) - BodyHeader::kSize - ref.length);
  if (!rest.empty()) TRY(to.file->write(at, rest));
  return offset + body_record_size(ref.length);
}

Result<Segment> Sweep::copy_bodies(const Segment& victim, const std::vector<Living>& living,
                                   const Segments::Created& to) {
  moves_.clear();
  std::uint64_t offset = SegmentHeader::kSize;
  std::uint32_t unused = 0;
  for (const Living& body : living) {
    moves_.emplace_back(body.at, Engine::Location{to.segment.number, offset});
    offset = TRY(copy_body(body, to, offset, unused));
  }
  return finish(victim, to, offset, offset - SegmentHeader::kSize);
}

Result<Segment> Sweep::copy_groups(const Segment& victim, const std::vector<Living>& living,
                                   const Segments::Created& to) {
  moves_.clear();
  std::map<std::uint64_t, const Living*> keep;  // by the place of the record in the victim
  for (const Living& body : living) keep[body.at.offset] = &body;
  std::shared_ptr<File> from = TRY(engine_.segments_.file(victim.number));
  GroupReader reader(*from, victim.salt, SegmentHeader::kSize);
  std::uint64_t offset = SegmentHeader::kSize;
  std::uint64_t bodies = 0;
  while (reader.offset() < victim.size) {
    std::optional<GroupReader::Group> group = TRY(reader.next());
    if (!group || !group->whole)
      return fail(kDamaged, "a segment to be swept has a broken group: " + segment_name(victim.number));
    GroupHeader header = group->header;
    std::string metadata(group->metadata);
    metadata.resize(aligned(metadata.size()));
    std::uint64_t begin = offset + GroupHeader::kSize + metadata.size();
    std::uint64_t at = begin;
    header.bodies = header.bodies_crc = 0;
    std::uint64_t old = group->offset + GroupHeader::kSize + metadata.size();
    for (auto body = keep.lower_bound(old); body != keep.end() && body->first < reader.offset(); ++body) {
      moves_.emplace_back(Engine::Location{victim.number, body->first}, Engine::Location{to.segment.number, at});
      at = TRY(copy_body(*body->second, to, at, header.bodies_crc));
      ++header.bodies;
    }
    header.bodies_length = static_cast<std::uint32_t>(at - begin);
    bodies += header.bodies_length;
    auto octets = header.encode(to.segment.salt);
    std::array<std::string_view, 2> parts{std::string_view(octets.data(), octets.size()), metadata};
    TRY(to.file->write(offset, parts));
    offset = at;
  }
  return finish(victim, to, offset, bodies);
}

Result<Segment> Sweep::finish(const Segment& victim, const Segments::Created& to, std::uint64_t size,
                              std::uint64_t bodies) {
  TRY(to.file->sync());
  Segment segment = to.segment;
  segment.phase = Phase::sealed;
  segment.size = size;
  segment.bodies = bodies;
  segment.since = now_;
  if (segment.kind != SegmentKind::log) return segment;
  segment.created = victim.created;  // the age of its metadata, which goes by age, too
  segment.first = victim.first;
  segment.last = victim.last;
  segment.before = victim.before;
  segment.chain = victim.chain;
  return segment;
}

}  // namespace angarium::store
