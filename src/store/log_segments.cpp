#include "store/log_segments.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace angarium::store {
namespace {

const std::string kTable(kTableName);
const std::string kFormerTable(kFormerTableName);
constexpr std::uint64_t kZeroStep = 2u << 20;

}  // namespace

Result<> Segments::load() {
  Result<std::string> text = volume_.read_whole(kTable);
  if (text) {
    Table table = TRY(Table::decode(*text));
    std::map<std::string, std::uint64_t> files;
    for (const FileEntry& file : TRY(volume_.list())) files[file.name] = file.size;
    for (const auto& [number, segment] : table.segments) {
      if (segment.phase == Phase::filling || segment.phase == Phase::retired) continue;
      auto file = files.find(segment_name(number));
      if (file == files.end()) return fail(kDamaged, fmt::format("segment {} is missing", number));
      if (segment.phase == Phase::open && file->second < segment.reserved)
        return fail(kDamaged,
                    fmt::format("segment {} was cut short: {} octets of {}", number, file->second, segment.reserved));
    }
    std::lock_guard lock(mutex_);
    table_ = std::move(table);
    return {};
  }
  if (!text.error().is(kMissing)) return std::unexpected(text.error());
  for (const FileEntry& file : TRY(volume_.list()))
    if (file.name.starts_with("segment.") || file.name == kFormerTable)
      return fail(kDamaged, "there was a store, but its table is missing");
  Table fresh;
  fresh.tablet = random_.number();
  TRY(volume_.replace(kTable, fresh.encode()));
  std::lock_guard lock(mutex_);
  table_ = std::move(fresh);
  return {};
}

Result<> Segments::remove_leftovers() {
  bool unfinished = false;
  for (const Segment& segment : all()) unfinished = unfinished || segment.phase == Phase::filling;
  if (unfinished)
    TRY(change([](auto& segments) {
      std::erase_if(segments, [](const auto& entry) { return entry.second.phase == Phase::filling; });
    }));
  std::map<std::string, Segment> known;
  for (const Segment& segment : all()) known[segment_name(segment.number)] = segment;
  for (const FileEntry& entry : TRY(volume_.list())) {
    const auto found = known.find(entry.name);
    const bool segment = entry.name.starts_with("segment.") && found == known.end();
    const bool unfinished_state = entry.name.starts_with(std::string(kNewStateFolder) + "/");
    if (segment || unfinished_state || entry.name.ends_with(".new")) TRY(volume_.remove(entry.name));
    if (found == known.end() || found->second.phase != Phase::sealed || entry.size <= found->second.size) continue;
    std::shared_ptr<File> sealed = TRY(file(found->second.number));
    TRY(sealed->truncate(found->second.size));
  }
  return {};
}

Result<Segments::Created> Segments::create(SegmentKind kind, Phase phase, const Room& room) {
  SegmentHeader header;
  {
    std::lock_guard lock(mutex_);
    header.number = table_.next++;
    header.tablet = table_.tablet;
  }
  header.kind = kind;
  header.salt = static_cast<std::uint32_t>(random_.number());
  header.created = clock_.wall().microseconds;
  std::string name = segment_name(header.number);
  std::shared_ptr<File> file = TRY(volume_.open(name, Opening::create));
  auto prepare = [&]() -> Result<> {
    if (room.reserved > 0) TRY(file->preallocate(room.reserved));
    // In steps, so that commits to the segment before this one do not wait behind one long write.
    for (std::uint64_t at = 0; at < room.zeroed; at += kZeroStep) {
      TRY(file->zero(at, std::min(kZeroStep, room.zeroed - at)));
      TRY(file->sync());
    }
    auto octets = header.encode();
    TRY(file->write(0, std::string_view(octets.data(), octets.size())));
    return file->sync();
  };
  Segment segment;
  segment.number = header.number;
  segment.kind = kind;
  segment.phase = phase;
  segment.salt = header.salt;
  segment.created = segment.since = header.created;
  segment.reserved = phase == Phase::open ? room.reserved : 0;
  Result<> made = prepare();
  if (made) made = change([&](auto& segments) { segments[segment.number] = segment; });
  if (!made) {
    // The number is spent; the file is a leftover that the next opening removes if this attempt fails, too.
    if (Result<> removed = volume_.remove(name); !removed) return std::unexpected(removed.error());
    return std::unexpected(made.error());
  }
  std::lock_guard lock(mutex_);
  keep_open(segment.number, file);
  return Created{segment, file, room};
}

Result<> Segments::change(const std::function<void(std::map<std::uint32_t, Segment>&)>& how) {
  std::lock_guard saving(saving_);
  Table next = table();
  how(next.segments);
  next.had_cold = next.knows_cold();
  TRY(volume_.replace(kFormerTable, table().encode()));
  TRY(volume_.replace(kTable, next.encode()));
  std::lock_guard lock(mutex_);
  std::erase_if(came_, [&](const auto& entry) { return !next.segments.contains(entry.first); });
  for (const auto& [number, segment] : next.segments) {
    auto before = table_.segments.find(number);
    if (before == table_.segments.end() || before->second.phase != segment.phase) came_[number] = clock_.now();
  }
  table_.had_cold = next.had_cold;
  table_.segments = std::move(next.segments);
  return {};
}

bool Segments::young(const Segment& segment, Duration age) const {
  {
    std::lock_guard lock(mutex_);
    if (auto came = came_.find(segment.number); came != came_.end()) return clock_.now() - came->second < age;
  }
  std::int64_t now = clock_.wall().microseconds;
  return now >= segment.since && now - segment.since < age.count();
}

Result<> Segments::remove(std::uint32_t number) {
  TRY(change([&](auto& segments) { segments.erase(number); }));
  {
    std::lock_guard lock(mutex_);
    if (auto found = open_by_number_.find(number); found != open_by_number_.end()) {
      open_.erase(found->second);
      open_by_number_.erase(found);
    }
  }
  return volume_.remove(segment_name(number));
}

std::vector<Segment> Segments::all() const {
  std::lock_guard lock(mutex_);
  std::vector<Segment> segments;
  segments.reserve(table_.segments.size());
  for (const auto& [number, segment] : table_.segments) segments.push_back(segment);
  return segments;
}

std::optional<Segment> Segments::find(std::uint32_t number) const {
  std::lock_guard lock(mutex_);
  auto found = table_.segments.find(number);
  if (found == table_.segments.end()) return std::nullopt;
  return found->second;
}

std::uint64_t Segments::tablet() const {
  std::lock_guard lock(mutex_);
  return table_.tablet;
}

Table Segments::table() const {
  std::lock_guard lock(mutex_);
  return table_;
}

void Segments::keep_open(std::uint32_t number, std::shared_ptr<File> file) {
  open_.push_front({number, std::move(file)});
  open_by_number_[number] = open_.begin();
  if (open_.size() <= kOpenMax) return;
  open_by_number_.erase(open_.back().number);
  open_.pop_back();
}

Result<std::shared_ptr<File>> Segments::file(std::uint32_t number) {
  std::lock_guard lock(mutex_);
  if (auto found = open_by_number_.find(number); found != open_by_number_.end()) {
    open_.splice(open_.begin(), open_, found->second);
    return found->second->file;
  }
  if (!table_.segments.contains(number)) return fail(kMissing, fmt::format("there is no segment {}", number));
  std::shared_ptr<File> opened = TRY(volume_.open(segment_name(number), Opening::existing));
  keep_open(number, opened);
  return opened;
}

}  // namespace angarium::store
