#include "trace/ledger.h"

#include <algorithm>
#include <utility>

#include "base/counters.h"
#include "base/crc32c.h"
#include "trace/index.h"
#include "trace/keys.h"

namespace angarium::trace {
namespace {

Counter lost("angarium_trace_refusals_lost_total", "Refusals of which the trace has no record.");

/// Octets of a key of the store and what it keeps besides, about.
constexpr std::uint64_t kKeyOctets = 24;

/// Whose refusals are counted together: a host, or a network of IPv6 (RFC 6177 §2).
std::string offender(std::string_view peer) { return std::string(peer.substr(0, peer.size() == 16 ? 8 : 4)); }

WallTime later(WallTime time, Duration by) { return {time.microseconds + by.count()}; }

}  // namespace

void Ledger::accept(const Beginning& beginning, std::string& scratch, store::Batch& batch) {
  encode(beginning, scratch);
  batch.put(story_key(Lane::accepted, beginning.at, beginning.id), scratch);
  put_late(Lane::accepted, beginning, batch);
  unindexed(Lane::accepted).fetch_add(1, std::memory_order_relaxed);
}

/// The index never comes back to a time: the clock was set back, or what arrived long ago begins another story.
void Ledger::put_late(Lane lane, const Beginning& beginning, store::Batch& batch) {
  if (beginning.at.microseconds >= passed_[number(lane)].load(std::memory_order_relaxed)) return;
  for (const std::uint32_t hash : hashes_of(beginning)) batch.put(late_key(lane, hash, beginning.at), "");
}

void Ledger::happened(WallTime began, DeliveryId id, const Event& event, store::Batch& batch) {
  std::string octets;
  encode(event, octets);
  const auto part = static_cast<std::uint16_t>(crc32c(octets));
  batch.put(event_key(Lane::accepted, began, id, event.at, part), octets);
}

void Ledger::refuse(const Beginning& beginning) {
  std::string octets;
  const std::lock_guard lock(mutex_);
  const std::string name = offender(beginning.peer);
  auto at = refusing_.find(name);
  if (at == refusing_.end()) {
    if (refusing_.size() >= kRefusingPeersMax) return lost.add();
    at = refusing_.try_emplace(name).first;
  }
  Refused& refused = at->second;
  if (refused.written < kRefusalsOfOne && waiting_.size() < kRefusalsWaitingMax &&
      waiting_octets_ < kRefusalsOctetsMax) {
    ++refused.written;
    encode(beginning, octets);
    waiting_octets_ += octets.size();
    waiting_.push_back({.at = beginning.at, .id = beginning.id, .octets = std::move(octets)});
    return;
  }
  if (refused.further++ == 0) refused.first_at = beginning.at;
  refused.peer = beginning.peer;
  refused.last.id = beginning.id;
  refused.last.at = beginning.at;
  refused.last.door = beginning.door;
  refused.last.has_sender = false;
  refused.last.refusal = beginning.refusal;
  if (refused.last.refusal) refused.last.refusal->words = {};
}

Result<> Ledger::write_refusals() {
  if (!tablet_.running()) return {};
  std::map<std::string, Refused> refusing;
  std::vector<Waiting> waiting;
  {
    const std::lock_guard lock(mutex_);
    refusing.swap(refusing_);
    waiting.swap(waiting_);
    waiting_octets_ = 0;
  }
  if (waiting.empty() && refusing.empty()) return {};
  store::Batch batch;
  for (const Waiting& one : waiting) {
    batch.put(story_key(Lane::refused, one.at, one.id), one.octets);
    if (const auto read = decode_beginning(one.id, one.at, one.octets)) put_late(Lane::refused, *read, batch);
  }
  std::size_t count = waiting.size();
  std::string octets;
  for (auto& [name, refused] : refusing) {
    if (refused.further == 0) continue;
    Beginning summary = refused.last;
    summary.peer = refused.peer;
    if (!summary.refusal) summary.refusal.emplace();
    summary.refusal->further = refused.further;
    summary.refusal->over_ms =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, summary.at.microseconds - refused.first_at.microseconds)) /
        1000;
    encode(summary, octets);
    batch.put(story_key(Lane::refused, summary.at, summary.id), octets);
    ++count;
  }
  // Below the reserve the disk is for what was accepted.
  if (!tablet_.accepting()) {
    lost.add(static_cast<std::int64_t>(count));
    return {};
  }
  unindexed(Lane::refused).fetch_add(count, std::memory_order_relaxed);
  auto done = tablet_.commit_and_wait(std::move(batch));
  if (done) return {};
  lost.add(static_cast<std::int64_t>(count));
  return std::unexpected(std::move(done).error());
}

void Ledger::watch_clock(WallTime now, Moment moment) {
  // It was set back: what was thought to be gone may have come again.
  if (now < tended_at_) gone_ = {WallTime{INT64_MIN}, WallTime{INT64_MIN}};
  if (!doubted_at_ || later(tended_at_, (moment - tended_at_moment_) + kClockJump) < now) doubted_at_ = moment;
  tended_at_ = now;
  tended_at_moment_ = moment;
}

Result<> Ledger::tend(WallTime now, Moment moment) {
  const std::lock_guard lock(tending_);
  Result<> first = write_refusals();
  watch_clock(now, moment);
  const bool measures = now < measured_at_ || later(measured_at_, kMeasureInterval) <= now;
  if (measures) measured_at_ = now;
  for (const Lane lane : {Lane::accepted, Lane::refused}) {
    // What hinders one step or lane is no reason to leave the others.
    for (Result<> done : {index(lane, now), measures ? measure(lane) : Result<>(), expire(lane, now)})
      if (first && !done) first = std::move(done);
  }
  return first;
}

// --- the index ------------------------------------------------------------------------------------------------------

Result<WallTime> Ledger::indexed_to(Lane lane) {
  const std::string prefix = kind_prefix(lane, RecordKind::block);
  WallTime to{INT64_MIN};
  TRY(tablet_.scan(prefix, behind(prefix), {.direction = store::Direction::backward},
                   [&](std::string_view key, std::string_view octets) {
                     const auto from = block_in(key);
                     const auto block = from ? decode_block(*from, octets) : decode_block({}, "");
                     // One that cannot be read says nothing: what it covers is indexed anew.
                     if (!block) return store::Step::next;
                     to = block->to;
                     return store::Step::stop;
                   }));
  passed_[number(lane)].store(to.microseconds, std::memory_order_relaxed);
  return to;
}

Result<> Ledger::index(Lane lane, WallTime now) {
  if (unindexed(lane).load(std::memory_order_relaxed) < kBlockRecords) return {};
  while (TRY(index_block(lane, now))) {
  }
  return {};
}

/// One block, if there is enough for it.
Result<bool> Ledger::index_block(Lane lane, WallTime now) {
  const WallTime from = TRY(indexed_to(lane));
  const WallTime until = later(now, -kIndexLag);
  if (until <= from) return false;
  Block block;
  std::optional<IndexBuilder> builder;
  bool full = false;
  TRY(tablet_.scan(story_from(lane, from), story_from(lane, until), {},
                   [&](std::string_view key, std::string_view value) {
                     const auto place = story_in(key);
                     if (!place) return store::Step::next;
                     // All of one moment lie in one block.
                     if (full && !place->event && place->began >= block.to) return store::Step::stop;
                     block.octets += kKeyOctets + key.size() + value.size();
                     if (place->event) return store::Step::next;
                     if (!builder) {
                       block.from = place->began;
                       builder.emplace(place->began);
                     }
                     block.to = {place->began.microseconds + 1};
                     ++block.records;
                     if (const auto read = decode_beginning(place->id, place->began, value)) {
                       for (const std::uint32_t hash : hashes_of(*read)) builder->add(hash, place->began);
                     } else {
                       builder->add(hash_of(place->id), place->began);
                     }
                     full = block.records >= kBlockRecords || builder->names() >= kBlockNames;
                     return store::Step::next;
                   }));
  if (!full) {
    bool younger = false;
    TRY(tablet_.scan(story_from(lane, until), behind(kind_prefix(lane, RecordKind::story)), {.limit = 1},
                     [&](std::string_view, std::string_view) {
                       younger = true;
                       return store::Step::stop;
                     }));
    // Counted again while some are too young: they may make the block whole.
    if (!younger) unindexed(lane).store(block.records, std::memory_order_relaxed);
    return false;
  }
  store::Batch batch;
  builder->put(lane, batch);
  batch.put(block_key(lane, block.from), encode(block));
  TRY(tablet_.commit_and_wait(std::move(batch)));
  passed_[number(lane)].store(block.to.microseconds, std::memory_order_relaxed);
  auto& count = unindexed(lane);
  if (count.load() < kLook) count.fetch_sub(std::min(count.load(), block.records));
  return true;
}

Result<> Ledger::expire(Lane lane, WallTime now) {
  const std::uint64_t octets_max = lane == Lane::accepted ? options_.octets_max : options_.octets_max / 8;
  const bool doubtful = tended_at_moment_ - *doubted_at_ < kClockDoubt;
  WallTime bound = doubtful ? WallTime{INT64_MIN} : later(now, -options_.keep);
  // Taken away in steps: each is a hole that readers have to pass over.
  const Duration step = options_.keep / 48;
  std::uint64_t octets = 0;
  std::vector<Block> blocks;
  const std::string prefix = kind_prefix(lane, RecordKind::block);
  bool crowded = false;
  TRY(tablet_.scan(prefix, behind(prefix), {.direction = store::Direction::backward},
                   [&](std::string_view key, std::string_view value) {
                     const auto from = block_in(key);
                     auto block = from ? decode_block(*from, value) : decode_block({}, "");
                     if (!block) block = Block{.from = from.value_or(WallTime{}), .to = from.value_or(WallTime{})};
                     octets += block->octets;
                     if (octets > octets_max && !crowded) {
                       crowded = true;
                       bound = std::max(bound, block->to);
                     }
                     blocks.push_back(*std::move(block));
                     return store::Step::next;
                   }));
  std::optional<StoryPlace> oldest;
  WallTime& gone = gone_[number(lane)];
  if (gone >= bound) return {};
  TRY(tablet_.scan(story_from(lane, gone), story_from(lane, bound), {.limit = 1},
                   [&](std::string_view key, std::string_view) {
                     oldest = story_in(key);
                     return store::Step::stop;
                   }));
  if (!oldest || (!crowded && later(oldest->began, step) > bound)) return {};
  store::Batch batch;
  // From the beginning: what came under an older time meanwhile goes, too.
  batch.erase_range(kind_prefix(lane, RecordKind::story), story_from(lane, bound));
  for (const Block& block : blocks) {
    if (block.to > bound) continue;
    for (std::uint8_t part = 0; part < kIndexParts; ++part) batch.erase(index_key(lane, part, block.from));
    batch.erase(block_key(lane, block.from));
  }
  const std::string late = kind_prefix(lane, RecordKind::late);
  TRY(tablet_.scan(late, behind(late), {}, [&](std::string_view key, std::string_view) {
    if (block_in(key).value_or(bound) < bound) batch.erase(std::string(key));
    return store::Step::next;
  }));
  TRY(tablet_.commit_and_wait(std::move(batch)));
  gone = bound;
  return {};
}

/// The next block after the one before, in turn.
Result<> Ledger::measure(Lane lane) {
  WallTime& last = measured_[number(lane)];
  std::optional<Block> block;
  const std::string end = behind(kind_prefix(lane, RecordKind::block));
  TRY(tablet_.scan(block_key(lane, last) + '\0', end, {}, [&](std::string_view key, std::string_view value) {
    if (const auto from = block_in(key))
      if (auto read = decode_block(*from, value)) block = *std::move(read);
    return block ? store::Step::stop : store::Step::next;
  }));
  last = block ? block->from : WallTime{INT64_MIN};
  if (!block) return {};
  std::uint64_t octets = 0;
  TRY(tablet_.scan(story_from(lane, block->from), story_from(lane, block->to), {},
                   [&](std::string_view key, std::string_view value) {
                     octets += kKeyOctets + key.size() + value.size();
                     return store::Step::next;
                   }));
  if (octets == std::exchange(block->octets, octets)) return {};
  store::Batch batch;
  batch.put(block_key(lane, block->from), encode(*block));
  TRY(tablet_.commit_and_wait(std::move(batch)));
  return {};
}

}  // namespace angarium::trace
