#include "store/volume_memory.h"

#include <algorithm>
#include <cstring>

namespace angarium::store {
namespace {

class MemoryFile final : public File {
 public:
  MemoryFile(std::shared_ptr<MemoryDisk> disk, std::shared_ptr<MemoryDisk::Content> content)
      : disk_(std::move(disk)), content_(std::move(content)) {}

  Result<> write(std::uint64_t offset, std::span<const std::string_view> parts) override {
    std::lock_guard lock(disk_->mutex);
    std::uint64_t end = offset;
    for (std::string_view part : parts) end += part.size();
    TRY(grow(end));
    for (std::string_view part : parts) {
      std::memcpy(content_->octets.data() + offset, part.data(), part.size());
      offset += part.size();
    }
    return {};
  }

  Result<> sync() override { return {}; }
  void start_writing(std::uint64_t /*offset*/, std::uint64_t /*length*/) override {}

  Result<std::size_t> read(std::uint64_t offset, std::span<const std::span<char>> into, Tier /*tier*/) override {
    std::lock_guard lock(disk_->mutex);
    std::size_t done = 0;
    for (std::span<char> part : into) {
      if (offset + done >= content_->octets.size()) break;
      std::size_t count = std::min<std::size_t>(part.size(), content_->octets.size() - offset - done);
      std::memcpy(part.data(), content_->octets.data() + offset + done, count);
      done += count;
    }
    return done;
  }

  Result<> preallocate(std::uint64_t length) override {
    std::lock_guard lock(disk_->mutex);
    return grow(length);
  }

  Result<> zero(std::uint64_t /*offset*/, std::uint64_t /*length*/) override { return {}; }

  Result<> truncate(std::uint64_t length) override {
    std::lock_guard lock(disk_->mutex);
    if (length > content_->octets.size()) return grow(length);
    content_->octets.resize(length);
    return {};
  }

  Result<std::uint64_t> size() override {
    std::lock_guard lock(disk_->mutex);
    return content_->octets.size();
  }

 private:
  Result<> grow(std::uint64_t length) {
    if (length <= content_->octets.size()) return {};
    if (disk_->used() + length - content_->octets.size() > disk_->capacity)
      return fail(kStoreFull, "the disk in memory is full");
    content_->octets.resize(length);
    return {};
  }

  std::shared_ptr<MemoryDisk> disk_;
  std::shared_ptr<MemoryDisk::Content> content_;
};

class MemoryVolume final : public Volume {
 public:
  explicit MemoryVolume(std::shared_ptr<MemoryDisk> disk) : disk_(std::move(disk)) {}
  ~MemoryVolume() override {
    std::lock_guard lock(disk_->mutex);
    disk_->locked = false;
  }

  Result<std::unique_ptr<File>> open(const std::string& name, Opening opening) override {
    std::lock_guard lock(disk_->mutex);
    auto content = disk_->find(name);
    if (opening == Opening::create) content = disk_->files[name] = std::make_shared<MemoryDisk::Content>();
    if (!content) return fail(kMissing, "there is no " + name);
    return std::make_unique<MemoryFile>(disk_, content);
  }

  Result<> replace(const std::string& name, std::string_view content) override {
    std::lock_guard lock(disk_->mutex);
    if (disk_->used() + content.size() > disk_->capacity) return fail(kStoreFull, "the disk in memory is full");
    disk_->files[name] = std::make_shared<MemoryDisk::Content>(std::string(content));
    return {};
  }

  Result<std::string> read_whole(const std::string& name, std::uint64_t size_max) override {
    std::lock_guard lock(disk_->mutex);
    auto content = disk_->find(name);
    if (!content) return fail(kMissing, "there is no " + name);
    if (content->octets.size() > size_max) return fail(kTooLarge, name + " is too large");
    return content->octets;
  }

  Result<> remove(const std::string& name) override {
    std::lock_guard lock(disk_->mutex);
    disk_->files.erase(name);
    return {};
  }

  Result<> rename(const std::string& from, const std::string& to) override {
    std::lock_guard lock(disk_->mutex);
    auto content = disk_->find(from);
    if (!content) return fail(kMissing, "there is no " + from);
    disk_->files.erase(from);
    disk_->files[to] = content;
    return {};
  }

  Result<std::vector<FileEntry>> list() override {
    std::lock_guard lock(disk_->mutex);
    std::vector<FileEntry> files;
    for (const auto& [name, content] : disk_->files) files.push_back({name, content->octets.size()});
    return files;
  }

  Result<Space> space() override {
    std::lock_guard lock(disk_->mutex);
    std::uint64_t used = disk_->used();
    return Space{used < disk_->capacity ? disk_->capacity - used : 0, disk_->capacity};
  }

 private:
  std::shared_ptr<MemoryDisk> disk_;
};

}  // namespace

std::shared_ptr<MemoryDisk::Content> MemoryDisk::find(const std::string& name) const {
  auto found = files.find(name);
  return found == files.end() ? nullptr : found->second;
}

std::uint64_t MemoryDisk::used() const {
  std::uint64_t sum = 0;
  for (const auto& [name, content] : files) sum += content->octets.size();
  return sum;
}

Result<std::unique_ptr<Volume>> open_memory_volume(std::shared_ptr<MemoryDisk> disk) {
  std::lock_guard lock(disk->mutex);
  if (disk->locked) return fail(kLocked, "the store in memory is open already");
  disk->locked = true;
  return std::make_unique<MemoryVolume>(disk);
}

}  // namespace angarium::store
