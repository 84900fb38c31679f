#include "store/volume_faulty.h"

#include <algorithm>
#include <cstring>

namespace angarium::store {
namespace {

constexpr std::uint64_t kSector = 512;

bool due(std::uint64_t& countdown) { return countdown > 0 && --countdown == 0; }

std::unexpected<Error> power_gone() { return fail(kInputOutput, "the power has gone"); }

}  // namespace

void FaultyDisk::arm(const Faults& faults) {
  std::lock_guard lock(mutex_);
  faults_ = faults;
}

void FaultyDisk::set_capacity(std::uint64_t octets) {
  std::lock_guard lock(mutex_);
  capacity_ = octets;
}

void FaultyDisk::crash() {
  std::lock_guard lock(mutex_);
  crash_locked();
}

void FaultyDisk::kill() {
  std::lock_guard lock(mutex_);
  ++generation_;
  locked_ = false;
}

bool FaultyDisk::crashed() const {
  std::lock_guard lock(mutex_);
  return crashed_;
}

bool FaultyDisk::flip(const std::string& name, std::uint64_t offset, int bit) {
  std::lock_guard lock(mutex_);
  auto found = files_.find(name);
  if (found == files_.end() || offset >= found->second->durable.size()) return false;
  auto mask = static_cast<char>(1 << bit);
  found->second->durable[offset] = static_cast<char>(found->second->durable[offset] ^ mask);
  if (offset < found->second->seen.size())
    found->second->seen[offset] = static_cast<char>(found->second->seen[offset] ^ mask);
  return true;
}

std::vector<FileEntry> FaultyDisk::files() const {
  std::lock_guard lock(mutex_);
  std::vector<FileEntry> files;
  for (const auto& [name, content] : files_) files.push_back({name, content->seen.size()});
  return files;
}

std::string FaultyDisk::content(const std::string& name) const {
  std::lock_guard lock(mutex_);
  auto found = files_.find(name);
  return found == files_.end() ? std::string() : found->second->seen;
}

std::uint64_t FaultyDisk::written() const {
  std::lock_guard lock(mutex_);
  return written_;
}

std::uint64_t FaultyDisk::used() const {
  std::uint64_t sum = 0;
  for (const auto& [name, content] : files_) sum += content->seen.size();
  return sum;
}

/// Counts a call that changes something; the caller does its work before the power goes.
Result<FaultyDisk::Call> FaultyDisk::enter(std::uint64_t generation) {
  if (generation != generation_) return power_gone();
  return due(faults_.crash_at) ? Call::crashes : Call::proceeds;
}

void FaultyDisk::crash_locked() {
  for (auto& [name, content] : files_) settle(*content);
  ++generation_;
  crashed_ = true;
  faults_ = {};
}

/// Decides for what was not synced what of it reached the disk.
void FaultyDisk::settle(Content& content) {
  std::uint64_t mood = random_.below(4);  // all lost, all kept, or sector by sector with one chance or another
  std::vector<Range> unsure = content.dirty;
  unsure.insert(unsure.end(), content.lost.begin(), content.lost.end());
  if (content.durable.size() < content.seen.size() && (mood == 1 || random_.below(2) == 1))
    content.durable.resize(content.seen.size());
  for (const Range& range : unsure) {
    for (std::uint64_t at = range.begin; at < range.end;) {
      std::uint64_t end = std::min((at / kSector + 1) * kSector, range.end);
      bool kept = mood == 1 || (mood == 2 && random_.below(2) == 0) || (mood == 3 && random_.below(8) != 0);
      if (kept && end <= content.seen.size() && end <= content.durable.size())
        std::memcpy(content.durable.data() + at, content.seen.data() + at, end - at);
      at = end;
    }
  }
  content.seen = content.durable;
  content.dirty.clear();
  content.lost.clear();
}

void FaultyDisk::put(Content& content, std::uint64_t offset, std::string_view octets) {
  if (octets.empty()) return;
  if (content.seen.size() < offset + octets.size()) content.seen.resize(offset + octets.size());
  std::memcpy(content.seen.data() + offset, octets.data(), octets.size());
  content.dirty.push_back({offset, offset + octets.size()});
  std::erase_if(content.lost, [&](const Range& r) { return r.begin >= offset && r.end <= offset + octets.size(); });
}

Result<> FaultyDisk::write(std::uint64_t generation, Content& content, std::uint64_t offset,
                           std::span<const std::string_view> parts) {
  Call call = TRY(enter(generation));
  std::uint64_t length = 0;
  for (std::string_view part : parts) length += part.size();
  bool full = offset + length > content.seen.size() && used() + offset + length - content.seen.size() > capacity_;
  bool breaks = due(faults_.short_write_at);
  std::uint64_t left = call == Call::crashes || full || breaks ? random_.below(length + 1) : length;
  if (full && offset >= content.seen.size()) left = 0;
  if (full) left = std::min(left, content.seen.size() - std::min<std::uint64_t>(content.seen.size(), offset));
  for (std::string_view part : parts) {
    part = part.substr(0, left);
    put(content, offset, part);
    offset += part.size();
    left -= part.size();
    written_ += part.size();
  }
  if (call == Call::crashes) crash_locked();
  if (call == Call::crashes) return power_gone();
  if (full) return fail(kStoreFull, "the disk is full");
  if (breaks) return fail(kInputOutput, "the write broke off");
  return {};
}

Result<> FaultyDisk::sync(std::uint64_t generation, Content& content) {
  Call call = TRY(enter(generation));
  if (call == Call::crashes) {
    crash_locked();
    return power_gone();
  }
  if (due(faults_.fail_sync_at)) {
    if (--faults_.syncs_failing > 0) faults_.fail_sync_at = 1;
    content.lost.insert(content.lost.end(), content.dirty.begin(), content.dirty.end());
    content.dirty.clear();
    return fail(kInputOutput, "the sync failed");
  }
  content.durable.resize(content.seen.size());
  for (const Range& range : content.dirty) {
    if (range.begin >= content.seen.size()) continue;
    std::uint64_t end = std::min<std::uint64_t>(range.end, content.seen.size());
    std::memcpy(content.durable.data() + range.begin, content.seen.data() + range.begin, end - range.begin);
  }
  content.dirty.clear();
  return {};
}

class FaultyFile final : public File {
 public:
  FaultyFile(std::shared_ptr<FaultyDisk> disk, std::shared_ptr<FaultyDisk::Content> content, std::uint64_t generation)
      : disk_(std::move(disk)), content_(std::move(content)), generation_(generation) {}

  Result<> write(std::uint64_t offset, std::span<const std::string_view> parts) override {
    std::lock_guard lock(disk_->mutex_);
    return disk_->write(generation_, *content_, offset, parts);
  }
  Result<> sync() override {
    std::lock_guard lock(disk_->mutex_);
    return disk_->sync(generation_, *content_);
  }
  void start_writing(std::uint64_t /*offset*/, std::uint64_t /*length*/) override {}

  Result<std::size_t> read(std::uint64_t offset, std::span<const std::span<char>> into, Tier /*tier*/) override {
    std::lock_guard lock(disk_->mutex_);
    if (generation_ != disk_->generation_) return power_gone();
    if (due(disk_->faults_.fail_read_at)) return fail(kInputOutput, "the read failed");
    std::size_t done = 0;
    const std::string& seen = content_->seen;
    for (std::span<char> part : into) {
      if (offset + done >= seen.size()) break;
      std::size_t count = std::min<std::size_t>(part.size(), seen.size() - offset - done);
      std::memcpy(part.data(), seen.data() + offset + done, count);
      done += count;
    }
    return done;
  }

  Result<> preallocate(std::uint64_t length) override {
    std::lock_guard lock(disk_->mutex_);
    if (generation_ != disk_->generation_) return power_gone();
    if (length <= content_->seen.size()) return {};
    if (disk_->used() + length - content_->seen.size() > disk_->capacity_) return fail(kStoreFull, "the disk is full");
    content_->seen.resize(length);
    return {};
  }
  Result<> zero(std::uint64_t /*offset*/, std::uint64_t /*length*/) override { return {}; }

  Result<> truncate(std::uint64_t length) override {
    std::lock_guard lock(disk_->mutex_);
    FaultyDisk::Call call = TRY(disk_->enter(generation_));
    content_->seen.resize(length);
    if (call == FaultyDisk::Call::crashes) {
      disk_->crash_locked();
      return power_gone();
    }
    return {};
  }
  Result<std::uint64_t> size() override {
    std::lock_guard lock(disk_->mutex_);
    if (generation_ != disk_->generation_) return power_gone();
    return content_->seen.size();
  }

 private:
  std::shared_ptr<FaultyDisk> disk_;
  std::shared_ptr<FaultyDisk::Content> content_;
  std::uint64_t generation_;
};

/// Names change in one durable step; a crash in the middle leaves the old or the new.
class FaultyVolume final : public Volume {
 public:
  FaultyVolume(std::shared_ptr<FaultyDisk> disk, std::uint64_t generation)
      : disk_(std::move(disk)), generation_(generation) {}
  ~FaultyVolume() override {
    std::lock_guard lock(disk_->mutex_);
    if (generation_ == disk_->generation_) disk_->locked_ = false;
  }

  Result<std::unique_ptr<File>> open(const std::string& name, Opening opening) override {
    std::lock_guard lock(disk_->mutex_);
    if (opening == Opening::create) TRY(step([&] { disk_->files_[name] = std::make_shared<FaultyDisk::Content>(); }));
    if (generation_ != disk_->generation_) return power_gone();
    auto found = disk_->files_.find(name);
    if (found == disk_->files_.end()) return fail(kMissing, "there is no " + name);
    return std::make_unique<FaultyFile>(disk_, found->second, generation_);
  }
  Result<> replace(const std::string& name, std::string_view content) override {
    std::lock_guard lock(disk_->mutex_);
    if (generation_ == disk_->generation_ && disk_->used() + content.size() > disk_->capacity_)
      return fail(kStoreFull, "the disk is full");
    return step([&] {
      auto fresh = std::make_shared<FaultyDisk::Content>();
      fresh->seen = fresh->durable = std::string(content);
      disk_->written_ += content.size();
      disk_->files_[name] = fresh;
    });
  }
  Result<std::string> read_whole(const std::string& name, std::uint64_t size_max) override {
    std::lock_guard lock(disk_->mutex_);
    if (generation_ != disk_->generation_) return power_gone();
    auto found = disk_->files_.find(name);
    if (found == disk_->files_.end()) return fail(kMissing, "there is no " + name);
    if (found->second->seen.size() > size_max) return fail(kTooLarge, name + " is too large");
    return found->second->seen;
  }
  Result<> remove(const std::string& name) override {
    std::lock_guard lock(disk_->mutex_);
    return step([&] { disk_->files_.erase(name); });
  }
  Result<> rename(const std::string& from, const std::string& to) override {
    std::lock_guard lock(disk_->mutex_);
    if (!disk_->files_.contains(from)) return fail(kMissing, "there is no " + from);
    return step([&] {
      disk_->files_[to] = disk_->files_[from];
      disk_->files_.erase(from);
    });
  }
  Result<std::vector<FileEntry>> list() override {
    {
      std::lock_guard lock(disk_->mutex_);
      if (generation_ != disk_->generation_) return power_gone();
    }
    return disk_->files();
  }
  Result<Space> space() override {
    std::lock_guard lock(disk_->mutex_);
    if (generation_ != disk_->generation_) return power_gone();
    std::uint64_t used = disk_->used();
    return Space{used < disk_->capacity_ ? disk_->capacity_ - used : 0, disk_->capacity_};
  }

 private:
  template <class Change>
  Result<> step(const Change& change) {
    FaultyDisk::Call call = TRY(disk_->enter(generation_));
    if (call == FaultyDisk::Call::proceeds || disk_->random_.below(2) == 0) change();
    if (call == FaultyDisk::Call::proceeds) return {};
    disk_->crash_locked();
    return power_gone();
  }
  std::shared_ptr<FaultyDisk> disk_;
  std::uint64_t generation_;
};

Result<std::unique_ptr<Volume>> open_faulty_volume(std::shared_ptr<FaultyDisk> disk) {
  std::lock_guard lock(disk->mutex_);
  if (disk->locked_ && !disk->crashed_) return fail(kLocked, "the store on the faulty disk is open already");
  disk->crashed_ = false;
  disk->locked_ = true;
  return std::make_unique<FaultyVolume>(disk, disk->generation_);
}

}  // namespace angarium::store
