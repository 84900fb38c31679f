#include "store/log_replay.h"

#include <fmt/format.h>

#include <algorithm>

#include "store/log_group.h"

namespace angarium::store {
namespace {

constexpr std::uint64_t kCollectMax = 1u << 20;  ///< octets of metadata applied in one step

std::unexpected<Error> damage(const Segment& segment, std::uint64_t offset, std::string_view what) {
  return fail(kDamaged, fmt::format("segment {} at {}: {}", segment.number, offset, what));
}

/// Sealed segments in the order of history, then the open ones in the order they were made.
std::vector<Segment> log_in_order(const Segments& segments) {
  std::vector<Segment> log;
  for (const Segment& segment : segments.all())
    if (segment.kind == SegmentKind::log && (segment.phase == Phase::sealed || segment.phase == Phase::open))
      log.push_back(segment);
  std::ranges::sort(log, [](const Segment& a, const Segment& b) {
    if (a.phase != b.phase) return a.phase == Phase::sealed;
    return a.phase == Phase::sealed ? a.first < b.first : a.number < b.number;
  });
  return log;
}

}  // namespace

std::uint64_t Replay::start_in(const Segment& segment) const {
  return segment.number == from_.segment ? from_.offset : SegmentHeader::kSize;
}

/// Whether the log, or the newest image, reaches as far as the state.
bool Replay::reaches_state() const {
  return from_.sequence == 0 || std::ranges::any_of(segments_.all(), [&](const Segment& segment) {
           if (segment.kind == SegmentKind::bodies) return false;
           if (segment.phase == Phase::sealed) return segment.last >= from_.sequence;
           return segment.phase == Phase::open && segment.number == from_.segment;
         });
}

Result<> Replay::run() {
  from_ = end_ = state_.applied();
  if (!reaches_state())
    return fail(kDamaged, fmt::format("the state has batch {}, the log ends before it", from_.sequence));
  for (const Segment& segment : log_in_order(segments_)) {
    if (segment.phase == Phase::open) {
      open_.push_back(segment);
    } else if (segment.last > from_.sequence) {
      TRY(walk_sealed(segment));
    }
  }
  TRY(walk_open(open_));
  return apply_collected();
}

/// True if a group was taken; false if none that continues the log stands here.
Result<bool> Replay::walk_group(GroupReader& reader, const Segment& segment) {
  std::uint64_t at = reader.offset();
  std::optional<GroupReader::Group> group = TRY(reader.next());
  if (!group) return false;
  if (group->header.last_sequence() <= from_.sequence) {
    // The state, or the image it was made from, has it; only the log's end is of interest.
    if (!group->whole) return damage(segment, at, "a group that was synced is broken");
    if (segment.phase == Phase::open) end_ = {end_.sequence, segment.number, reader.offset(), end_.chain};
    return true;
  }
  if (group->header.sequence != end_.sequence + 1) return false;
  if (group->header.previous_chain != end_.chain)
    return damage(segment, at, "the group does not follow the one before it");
  if (!group->whole) {
    followed_ = true;
    return false;
  }
  if (segment.phase == Phase::open) {
    TRY(settle_last());
    before_last_ = end_;
    last_ = Last{group->header, segment.number, at, std::string(group->metadata)};
  }
  end_ = {group->header.last_sequence(), segment.number, reader.offset(), group->header.chain()};
  if (segment.phase == Phase::sealed) TRY(apply(*group, end_));
  return true;
}

Result<> Replay::walk_sealed(const Segment& segment) {
  if (segment.first > end_.sequence + 1) return damage(segment, 0, "the log has a gap before this segment");
  std::shared_ptr<File> file = TRY(segments_.file(segment.number));
  GroupReader reader(*file, segment.salt, start_in(segment));
  while (reader.offset() < segment.size)
    if (!TRY(walk_group(reader, segment))) return damage(segment, reader.offset(), "a group that was synced is broken");
  if (end_.sequence != segment.last) return damage(segment, reader.offset(), "the segment ends too early");
  return {};
}

Result<> Replay::walk_open(const std::vector<Segment>& open) {
  bool inside = std::ranges::any_of(open, [&](const Segment& segment) { return segment.number == end_.segment; });
  for (const Segment& segment : open) {
    if (inside && segment.number < from_.segment) continue;  // the state has all of it
    std::shared_ptr<File> file = TRY(segments_.file(segment.number));
    GroupReader reader(*file, segment.salt, start_in(segment));
    if (!inside) end_ = {end_.sequence, segment.number, reader.offset(), end_.chain};
    inside = true;
    while (TRY(walk_group(reader, segment))) {
    }
  }
  TRY(judge_tail(open));
  return last_ ? judge_last() : Result<>();
}

/// Unless something follows the last group, nothing says that it was synced: it counts only if its bodies are there,
/// too.
Result<> Replay::judge_last() {
  const Segment segment = *segments_.find(last_->segment);
  std::shared_ptr<File> file = TRY(segments_.file(segment.number));
  Result<> bodies =
      read_body_headers(*file, segment.salt, last_->offset, last_->header, [&](const BodyAt& body) -> Result<> {
        BodyRef ref{segment.number, body.header.codec,  body.header.key,
                    body.offset,    body.header.length, body.header.crc};
        return verify_body_record(*file, body.offset, ref);
      });
  if (!bodies && !bodies.error().is(kDamaged)) return bodies;
  if (!bodies && followed_) return bodies;
  if (!bodies) {
    end_ = before_last_;
    if (end_.segment != last_->segment) end_ = {end_.sequence, last_->segment, last_->offset, end_.chain};
    last_.reset();
    return judge_tail(open_);  // its lengths may have hidden what follows it
  }
  rewritten_ = *last_;
  rewrite_last_ = true;
  return settle_last();
}

/// The log seems to end at end_. If anything later was ever written, what is missing was synced: damage.
Result<> Replay::judge_tail(const std::vector<Segment>& open) {
  if (end_.sequence < from_.sequence)
    return fail(kDamaged, fmt::format("the log ends at batch {}, the state has {}", end_.sequence, from_.sequence));
  for (const Segment& segment : open) {
    if (segment.number < end_.segment) continue;
    std::uint64_t from = segment.number == end_.segment ? end_.offset : SegmentHeader::kSize;
    std::shared_ptr<File> file = TRY(segments_.file(segment.number));
    if (TRY(later_group_exists(*file, segment.salt, from, end_.sequence + 1)))
      return damage(segment, from, "a group that was synced is broken: later ones follow");
  }
  return {};
}

Result<> Replay::settle_last() {
  if (!last_) return {};
  GroupReader::Group group{last_->header, last_->offset, last_->metadata, true};
  LogPosition after{last_->header.last_sequence(), last_->segment, last_->offset + last_->header.length(),
                    last_->header.chain()};
  TRY(apply(group, after));
  last_.reset();
  return {};
}

Result<> Replay::apply(const GroupReader::Group& group, const LogPosition& after) {
  batches_ += group.header.batches;
  metadata_ += group.metadata.size();
  collected_.append(group.metadata);
  collected_to_ = after;
  return collected_.size() < kCollectMax ? Result<>() : apply_collected();
}

Result<> Replay::apply_collected() {
  if (collected_.empty()) return {};
  std::vector<std::string_view> operations;
  if (!split_metadata(collected_, operations)) return fail(kDamaged, "the metadata of a group is malformed");
  TRY(state_.apply(operations, collected_to_));
  collected_.clear();
  return {};
}

Result<> Replay::finish() {
  if (rewrite_last_) {
    std::shared_ptr<File> file = TRY(segments_.file(rewritten_.segment));
    std::string octets(rewritten_.header.length(), '\0');
    // Groups are padded, so a file that ends within one was cut by no sudden end.
    if (TRY(file->read(rewritten_.offset, octets)) != octets.size())
      return fail(kDamaged, "the file of the last group ends within it");
    TRY(file->write(rewritten_.offset, octets));
    TRY(file->sync());
  }
  const std::vector<Segment> ended = TRY(describe_ended());
  for (const Segment& segment : open_) {
    if (segment.number < end_.segment) {
      const Segment sealed = *std::ranges::find(ended, segment.number, &Segment::number);
      TRY(segments_.change([&](auto& all) {
        if (sealed.first == 0) {
          all.erase(segment.number);
        } else {
          all[segment.number] = sealed;
        }
      }));
      continue;
    }
    std::uint64_t at = segment.number == end_.segment ? end_.offset : SegmentHeader::kSize;
    std::shared_ptr<File> file = TRY(segments_.file(segment.number));
    if (!TRY(written_at(*file, at))) continue;
    TRY(file->write(at, std::string(GroupHeader::kSize, '\0')));
    TRY(file->sync());
  }
  return {};
}

/// The open segments before the active one, as they are to be sealed. Their ends are found by reading, so each must end
/// where the next begins: what damage has cut off is never taken for the end.
Result<std::vector<Segment>> Replay::describe_ended() {
  std::vector<Segment> ended;
  for (const Segment& segment : open_)
    if (segment.number < end_.segment) ended.push_back(TRY(describe_sealed(segments_, segment, {})));
  if (ended.empty()) return ended;
  std::uint64_t next = end_.sequence + 1;
  std::uint32_t chain = end_.chain;
  if (end_.offset > SegmentHeader::kSize) {
    const Segment active = *segments_.find(end_.segment);
    std::shared_ptr<File> file = TRY(segments_.file(active.number));
    GroupReader reader(*file, active.salt, SegmentHeader::kSize);
    std::optional<GroupReader::Group> first = TRY(reader.next());
    if (!first) return damage(active, SegmentHeader::kSize, "a group that was synced is broken");
    next = first->header.sequence;
    chain = first->header.previous_chain;
  }
  for (std::size_t i = ended.size(); i-- > 0;) {
    const Segment& segment = ended[i];
    std::shared_ptr<File> file = TRY(segments_.file(segment.number));
    const bool follows = segment.last + 1 == next && segment.chain == chain;
    const bool empty = segment.first == 0 && !TRY(written_at(*file, SegmentHeader::kSize));
    if (!empty && !follows) return damage(segment, segment.size, "a group that was synced is broken");
    if (empty) continue;
    next = segment.first;
    chain = segment.before;
  }
  return ended;
}

Result<Segment> describe_sealed(Segments& segments, Segment segment, const LogPosition& end) {
  std::shared_ptr<File> file = TRY(segments.file(segment.number));
  GroupReader reader(*file, segment.salt, SegmentHeader::kSize);
  segment.phase = Phase::sealed;
  segment.first = segment.last = segment.bodies = 0;
  while (end.segment == 0 || reader.offset() < end.offset) {
    std::optional<GroupReader::Group> group = TRY(reader.next());
    if (!group || !group->whole) break;
    if (segment.first == 0) {
      segment.first = group->header.sequence;
      segment.before = group->header.previous_chain;
    }
    segment.bodies += group->header.bodies_length;
    segment.last = group->header.last_sequence();
    segment.chain = group->header.chain();
    if (end.segment != 0) break;  // the rest is known
  }
  // Who seals cuts the file at the size: damage must never look like an empty segment.
  if (end.segment != 0 && segment.first == 0 && end.offset > SegmentHeader::kSize)
    return fail(kDamaged, "the first group of a segment is broken: " + segment_name(segment.number));
  segment.size = reader.offset();
  if (end.segment != 0 && segment.first != 0) {
    segment.last = end.sequence;
    segment.chain = end.chain;
    segment.size = end.offset;
  }
  return segment;
}

}  // namespace angarium::store
