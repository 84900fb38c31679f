#include "store/log_remake.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "store/log_reader.h"
#include "store/log_table.h"

namespace angarium::store {
namespace {

constexpr std::string_view kSegmentPrefix = "segment.";

std::unexpected<Error> damage(std::uint32_t number, std::string_view what) {
  return fail(kDamaged, fmt::format("the table is lost, and segment {} {}", number, what));
}

Result<bool> zeros_from(File& file, std::uint64_t at) {
  std::string octets(1u << 20, '\0');
  for (;; at += octets.size()) {
    const std::size_t got = TRY(file.read(at, octets));
    if (std::string_view(octets).substr(0, got).find_first_not_of('\0') != std::string_view::npos) return false;
    if (got < octets.size()) return true;
  }
}

class Remake {
 public:
  Remake(Volume& volume, const Clock& clock) : volume_(volume), now_(clock.wall().microseconds) {}

  Result<> run() {
    if (Result<std::string> text = volume_.read_whole(std::string(kFormerTableName))) {
      if (Result<Table> former = Table::decode(*text)) former_ = std::move(*former);
    }
    table_.tablet = former_.tablet;
    table_.next = former_.next;
    // Where the former table is lost, too, nothing tells that no relocation has the form of version 2.
    table_.had_cold = former_.tablet == 0 || former_.had_cold;
    TRY(list());
    if (files_.empty() && former_.tablet == 0) return {};
    for (const auto& [number, size] : files_) TRY(take(number, size));
    for (const auto& [number, segment] : former_.segments)
      if (!files_.contains(number) && !may_be_gone(segment)) return damage(number, "is missing");
    TRY(join_logs());
    log::warning("store", "the table was made anew", {{"segments", table_.segments.size()}});
    return volume_.replace(std::string(kTableName), table_.encode());
  }

 private:
  Result<> list() {
    for (const FileEntry& file : TRY(volume_.list())) {
      if (!file.name.starts_with(kSegmentPrefix)) continue;
      const auto number = parse_number<std::uint32_t>(std::string_view(file.name).substr(kSegmentPrefix.size()));
      if (!number || segment_name(*number) != file.name) continue;
      files_[*number] = file.size;
      table_.next = std::max(table_.next, *number + 1);
    }
    return {};
  }

  Result<> take(std::uint32_t number, std::uint64_t size) {
    const auto known = former_.segments.find(number);
    if (known != former_.segments.end()) {
      if (known->second.phase == Phase::filling) return {};
      const bool log = known->second.kind == SegmentKind::log;
      if (log && known->second.phase == Phase::open) return take_log(known->second);
      if (log && known->second.phase == Phase::sealed) logs_.push_back(known->second);
      if (known->second.kind == SegmentKind::image) image_ = std::max(image_, known->second.last);
      table_.segments[number] = known->second;
      return {};
    }
    std::shared_ptr<File> file = TRY(volume_.open(segment_name(number), Opening::existing));
    std::string octets(SegmentHeader::kSize, '\0');
    octets.resize(TRY(file->read(0, octets)));
    const std::optional<SegmentHeader> header = SegmentHeader::decode(octets);
    // It may have been in the making: nothing is written behind a header that is not synced.
    if (!header && TRY(zeros_from(*file, SegmentHeader::kSize))) return {};
    if (!header || header->number != number) return damage(number, "has a broken header");
    if (table_.tablet == 0) table_.tablet = header->tablet;
    if (header->tablet != table_.tablet) return damage(number, "is of another store");
    Segment segment{.number = number, .kind = header->kind, .phase = Phase::sealed, .salt = header->salt};
    segment.created = header->created;
    segment.since = now_;
    if (header->kind == SegmentKind::log) return take_log(segment);
    if (header->kind == SegmentKind::image) return {};  // its place in history stood in the table alone
    segment.size = size;
    segment.bodies = size - SegmentHeader::kSize;
    table_.segments[number] = segment;
    return {};
  }

  /// Whether the table that is lost may have let go of what the former one knew, and the file went: a copy or image
  /// that was not finished, what was swept, an image that a newer one replaced, an open log segment left empty by those
  /// after it. That no batch is missing shows when the log is joined.
  [[nodiscard]] bool may_be_gone(const Segment& segment) const {
    if (segment.phase == Phase::filling || segment.phase == Phase::retired) return true;
    if (segment.kind == SegmentKind::image) return true;
    if (segment.kind != SegmentKind::log || segment.phase != Phase::open) return false;
    return std::ranges::any_of(logs_, [&](const Segment& later) {
      const auto known = former_.segments.find(later.number);
      return later.number > segment.number && known != former_.segments.end() && known->second.phase == Phase::open;
    });
  }

  /// Finds the end of a log segment by reading.
  Result<> take_log(Segment segment) {
    std::shared_ptr<File> file = TRY(volume_.open(segment_name(segment.number), Opening::existing));
    GroupReader reader(*file, segment.salt, SegmentHeader::kSize);
    segment.phase = Phase::open;
    segment.reserved = 0;
    while (true) {
      std::optional<GroupReader::Group> group = TRY(reader.next());
      if (!group || !group->whole) break;
      if (segment.first == 0) segment.before = group->header.previous_chain;
      if (segment.first == 0) segment.first = group->header.sequence;
      segment.last = group->header.last_sequence();
      segment.chain = group->header.chain();
      segment.bodies += group->header.bodies_length;
    }
    segment.size = reader.offset();
    (segment.first == 0 ? empty_ : logs_).push_back(segment);
    return {};
  }

  Result<bool> goes_on(const Segment& segment) {
    std::shared_ptr<File> file = TRY(volume_.open(segment_name(segment.number), Opening::existing));
    if (TRY(written_at(*file, segment.size))) return true;
    return later_group_exists(*file, segment.salt, segment.size, segment.last);
  }

  /// Each log segment but the last is sealed, if nothing stands behind what was read of it.
  Result<> join_logs() {
    std::ranges::sort(logs_, {}, [](const Segment& s) { return std::pair(s.first, s.number); });
    std::uint64_t reached = 0;
    std::optional<std::uint32_t> chain = 0;
    Segment* last = nullptr;
    for (Segment& segment : logs_) {
      if (last != nullptr && segment.last <= reached) {
        // A copy that sweeping was making: the former table knows that it does not count yet.
        if (!former_.segments.contains(last->number))
          return damage(segment.number, "was swept, of which the former table is needed to know more");
        continue;
      }
      if (segment.first > reached + 1 && segment.first > image_ + 1)
        return damage(segment.number, "has a gap before it");
      const bool next = segment.first == reached + 1;
      if (next && segment.before != chain) return damage(segment.number, "does not follow the one before it");
      if (last != nullptr) TRY(seal(*last, next));
      last = &segment;
      reached = segment.last;
      chain = segment.chain;
    }
    if (last != nullptr && last->phase == Phase::open) enter_open(*last);
    for (const Segment& segment : empty_) TRY(judge_empty(segment, reached));
    return {};
  }

  /// A log segment that begins with no whole group. One that the former table has as open behind the log's end stays;
  /// how it goes on is for recovery to say. What only its header is known of was the next one, or a copy in the making.
  Result<> judge_empty(const Segment& segment, std::uint64_t reached) {
    if (former_.segments.contains(segment.number)) {
      if (!may_be_gone(segment))
        enter_open(segment);
      else if (TRY(goes_on(segment)))
        return damage(segment.number, "has a broken group");
      return {};
    }
    std::shared_ptr<File> file = TRY(volume_.open(segment_name(segment.number), Opening::existing));
    if (TRY(later_group_exists(*file, segment.salt, segment.size, reached + 1)))
      return damage(segment.number, "has a broken group");
    return {};
  }

  /// `followed`: the next one goes on right where it ends, so that what stands behind its end never counted.
  Result<> seal(Segment segment, bool followed) {
    if (segment.phase != Phase::open) return {};
    if (!followed && TRY(goes_on(segment))) return damage(segment.number, "has a broken group");
    segment.phase = Phase::sealed;
    segment.since = now_;
    table_.segments[segment.number] = segment;
    return {};
  }

  /// Of an open segment nothing is known.
  void enter_open(Segment segment) {
    segment.first = segment.last = segment.size = segment.bodies = 0;
    segment.before = segment.chain = 0;
    table_.segments[segment.number] = segment;
  }

  Volume& volume_;
  std::int64_t now_;
  Table former_;
  Table table_;
  std::map<std::uint32_t, std::uint64_t> files_;  // sizes
  std::vector<Segment> logs_;
  std::vector<Segment> empty_;
  std::uint64_t image_ = 0;  // where the newest image stands in history
};

}  // namespace

Result<> remake_table_if_lost(Volume& volume, const Clock& clock) {
  Result<std::string> text = volume.read_whole(std::string(kTableName));
  if (!text && !text.error().is(kMissing)) return std::unexpected(text.error());
  if (text) {
    Result<Table> table = Table::decode(*text);
    if (table) return {};
    if (!table.error().is(kDamaged)) return std::unexpected(table.error());
  }
  return Remake(volume, clock).run();
}

}  // namespace angarium::store
