// Images, snapshots and verification: long walks over what is stored, beside the committer.
#include <fmt/format.h>

#include <algorithm>

#include "store/octets.h"
#include "store/tablet_engine.h"

namespace angarium::store {

Result<> Engine::write_image() {
  std::lock_guard chores(chores_);
  return write_image_locked();
}

Result<> Engine::write_image_locked() {
  std::shared_ptr<State> state = TRY(this->state());
  Segments::Created made = TRY(segments_.create(SegmentKind::image, Phase::filling, {}));
  Result<Segment> image = store::write_image(*state, state->view(), *made.file, made.segment);
  state.reset();
  if (!image) {
    (void)made.file->truncate(0);  // on a full disk, room for the table that lets go of it
    TRY(segments_.remove(made.segment.number));
    return std::unexpected(image.error());
  }
  image->since = options_.clock->wall().microseconds;
  std::vector<std::uint32_t> older;
  for (const Segment& segment : segments_.all())
    if (segment.kind == SegmentKind::image && segment.phase == Phase::sealed) older.push_back(segment.number);
  TRY(segments_.change([&](auto& all) { all[image->number] = *image; }));
  for (std::uint32_t number : older) TRY(segments_.remove(number));
  return {};
}

Result<> Engine::snapshot(const std::string& directory) {
  std::lock_guard chores(chores_);
  std::unique_ptr<Volume> target = TRY(open_local_volume(directory));
  if (!TRY(target->list()).empty()) return fail(kUnsupported, directory + " is not empty");
  // First the state, then the log: the log may have more than the state, never less. Nothing after `end` is copied, and
  // nothing before it changes while no sweep runs.
  TRY(flush());
  std::shared_ptr<State> state = TRY(this->state());
  TRY(state->copy_to(*target));
  LogPosition end = state->applied();
  state.reset();
  Table table = segments_.table();
  std::erase_if(table.segments, [&](const auto& entry) {
    const Segment& s = entry.second;
    bool later =
        s.kind == SegmentKind::log && s.number > end.segment && (s.phase == Phase::open || s.first > end.sequence);
    return later || s.phase == Phase::filling || s.phase == Phase::retired;
  });
  for (auto& [number, segment] : table.segments) {
    std::string name = segment_name(number);
    if (segment.phase == Phase::sealed) {
      TRY(volume_->copy_to(name, segment.size, Volume::Sharing::link, *target));
      continue;
    }
    std::shared_ptr<File> file = TRY(segments_.file(number));
    std::uint64_t length = number == end.segment ? end.offset : TRY(file->size());
    TRY(volume_->copy_to(name, length, Volume::Sharing::copy, *target));
    segment.reserved = 0;  // what is copied ends where the log does
  }
  return target->replace(std::string(kTableName), table.encode());
}

Result<VerifyReport> Engine::verify(const Progress& progress) {
  std::lock_guard chores(chores_);
  VerifyReport report;
  std::vector<Segment> segments = segments_.all();
  for (const Segment& segment : segments) {
    if (progress) progress(report.segments, segments.size());
    if (segment.phase != Phase::filling && segment.phase != Phase::retired) {
      Result<> checked = verify_segment(segment, report);
      if (!checked && !checked.error().is(kDamaged) && !checked.error().is(kMissing))
        return std::unexpected(checked.error());
      if (!checked) report.damage.push_back(checked.error().text());
    }
    ++report.segments;
  }
  TRY(verify_references(report));
  if (progress) progress(report.segments, segments.size());
  return report;
}

Result<> Engine::verify_segment(const Segment& segment, VerifyReport& report) {
  std::shared_ptr<File> file = TRY(segments_.file(segment.number));
  std::string octets(SegmentHeader::kSize, '\0');
  octets.resize(TRY(file->read(0, octets)));
  std::optional<SegmentHeader> header = SegmentHeader::decode(octets);
  if (!header || header->number != segment.number || header->salt != segment.salt ||
      header->tablet != segments_.tablet())
    return fail(kDamaged, fmt::format("segment {}: its header is not the one the table knows", segment.number));
  if (segment.kind == SegmentKind::log) return verify_log(segment, report);
  if (segment.kind == SegmentKind::cold) return verify_dictionary(segment, *file);
  if (segment.kind == SegmentKind::bodies) return {};  // by the references to it
  return read_image(*file, segment, [&](std::string_view piece) -> Result<> {
    report.octets += piece.size();
    return {};
  });
}

/// From the disk, and not as it is in memory since it was read. The bodies are seen by the references to them.
Result<> Engine::verify_dictionary(const Segment& segment, File& file) {
  std::string octets(BodyHeader::kSize, '\0');
  octets.resize(TRY(file.read(SegmentHeader::kSize, octets)));
  if (BodyHeader::decode(octets, segment.salt)) return {};  // it needs none
  // A run that broke off before anything was synced leaves this; where the table is lost then, it is called sealed.
  if (octets.find_first_not_of('\0') == std::string::npos) return {};
  Result<std::shared_ptr<const Dictionary>> read = read_dictionary(file, segment.salt, Tier::any);
  if (read) return {};
  if (!read.error().is(kDamaged)) return std::unexpected(read.error());
  return fail(kDamaged, fmt::format("segment {}: {}", segment.number, read.error().text()));
}

/// How far the log goes in a segment; 0 in the spare.
std::uint64_t Engine::log_end(const Segment& segment, const LogPosition& end) {
  if (segment.phase == Phase::sealed) return segment.size;
  if (segment.number == end.segment) return end.offset;
  {
    std::lock_guard lock(keeper_mutex_);
    for (const Rolled& rolled : rolled_)
      if (rolled.segment.number == segment.number) return rolled.end.offset;
  }
  std::optional<Segment> now = segments_.find(segment.number);  // it may have been sealed since it was listed
  return now && now->phase == Phase::sealed ? now->size : 0;
}

Result<> Engine::verify_log(const Segment& segment, VerifyReport& report) {
  LogPosition end = TRY(state())->applied();
  const std::uint64_t until = log_end(segment, end);
  std::shared_ptr<File> file = TRY(segments_.file(segment.number));
  GroupReader reader(*file, segment.salt, SegmentHeader::kSize);
  std::optional<std::uint32_t> chain;
  while (reader.offset() < until) {
    std::uint64_t at = reader.offset();
    std::optional<GroupReader::Group> group = TRY(reader.next());
    if (!group || !group->whole)
      return fail(kDamaged, fmt::format("segment {} at {}: a group is broken", segment.number, at));
    if (chain && group->header.previous_chain != *chain)
      return fail(kDamaged,
                  fmt::format("segment {} at {}: a group does not follow the one before it", segment.number, at));
    chain = group->header.chain();
    ++report.groups;
    report.octets += group->header.length();
    Result<> bodies = read_body_headers(*file, segment.salt, at, group->header, [&](const BodyAt& body) -> Result<> {
      BodyRef ref{segment.number, body.header.codec, body.header.key, body.offset, body.header.length, body.header.crc};
      Result<> checked = verify_body_record(*file, body.offset, ref);
      if (!checked && !checked.error().is(kDamaged)) return checked;
      if (!checked) report.damage.push_back(checked.error().text());
      ++report.bodies;
      return {};
    });
    if (!bodies && !bodies.error().is(kDamaged)) return bodies;
    if (!bodies) report.damage.push_back(fmt::format("segment {}: {}", segment.number, bodies.error().text()));
  }
  return {};
}

/// Every key of the state is read, and every body it refers to is there and whole.
Result<> Engine::verify_references(VerifyReport& report) {
  const ReadView now = TRY(view(Tier::any));
  std::vector<BodyRef> refs;
  Result<> scanned = scan({}, {}, {},
                          [&](std::string_view key, std::string_view value) {
                            if (options_.body_refs)
                              options_.body_refs->visit(key, value, [&](const BodyRef& ref) { refs.push_back(ref); });
                            return Step::next;
                          },
                          {&now, Tier::any});
  if (!scanned && !scanned.error().is(kDamaged)) return scanned;
  if (!scanned) report.damage.push_back(scanned.error().text());
  std::ranges::sort(refs);
  refs.erase(std::ranges::unique(refs).begin(), refs.end());
  for (const BodyRef& ref : refs) {
    Result<Location> at = locate(ref, Tier::any);
    std::optional<Segment> segment = at ? segments_.find(at->segment) : std::nullopt;
    if (segment && segment->kind == SegmentKind::log) continue;  // seen above
    Result<> checked = at ? Result<>() : std::unexpected(at.error());
    if (segment) {
      checked = read_whole(*at, ref, {});
      report.octets += ref.length;
      ++report.bodies;
    }
    if (checked) continue;
    if (!checked.error().is(kDamaged) && !checked.error().is(kMissing)) return checked;
    report.damage.push_back(
        fmt::format("the body at {} of segment {}: {}", ref.offset, ref.segment, checked.error().text()));
  }
  return {};
}

}  // namespace angarium::store
