// Files of the host in one directory. Linux: preadv2 with RWF_NOWAIT, fallocate, fdatasync, flock.
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/descriptor.h"
#include "store/format.h"
#include "store/volume.h"

namespace angarium::store {
namespace {

/// iovec(3type) has no const form; pwritev(2) only reads.
char* octets_of(std::string_view part) { return const_cast<char*>(part.data()); }  // tidy: see above

std::unexpected<Error> system_error(std::string_view what, const std::string& path) {
  int code = errno;
  std::string text = std::string(what) + " " + path + ": " + std::generic_category().message(code);
  if (code == ENOSPC || code == EDQUOT) return fail(kStoreFull, std::move(text));
  if (code == ENOENT) return fail(kMissing, std::move(text));
  return fail(kInputOutput, std::move(text));
}

Result<> sync_directory(const std::string& path) {
  Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) return system_error("sync", path);
  return {};
}

/// Others are not the volume's: `lost+found` of a file system's root, which not everyone may look into.
bool is_name(std::string_view name) {
  return std::ranges::all_of(name, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' || c == '_' ||
           c == '-';
  });
}

/// At most this many parts a call; longer lists go in several.
constexpr std::size_t kPartsMax = IOV_MAX;
constexpr std::size_t kZeroStep = 256u << 10;

class LocalFile final : public File {
 public:
  LocalFile(Descriptor descriptor, std::string path) : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<> write(std::uint64_t offset, std::span<const std::string_view> parts) override {
    std::array<iovec, kPartsMax> vector;
    std::size_t skip = 0;  // octets of the first part already written
    while (!parts.empty()) {
      std::size_t count = std::min(parts.size(), kPartsMax);
      for (std::size_t i = 0; i < count; ++i) vector[i] = {octets_of(parts[i]), parts[i].size()};
      vector[0].iov_base = octets_of(parts[0]) + skip;
      vector[0].iov_len -= skip;
      ssize_t written =
          ::pwritev(descriptor_.get(), vector.data(), static_cast<int>(count), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return system_error("write", path_);
      offset += static_cast<std::uint64_t>(written);
      skip += static_cast<std::size_t>(written);
      while (!parts.empty() && skip >= parts.front().size()) {
        skip -= parts.front().size();
        parts = parts.subspan(1);
      }
      if (written == 0 && !parts.empty()) {
        errno = ENOSPC;
        return system_error("write", path_);
      }
    }
    return {};
  }

  Result<> sync() override {
    if (::fdatasync(descriptor_.get()) != 0) return system_error("sync", path_);
    return {};
  }

  void start_writing(std::uint64_t offset, std::uint64_t length) override {
    ::sync_file_range(descriptor_.get(), static_cast<off_t>(offset), static_cast<off_t>(length), SYNC_FILE_RANGE_WRITE);
  }

  Result<std::size_t> read(std::uint64_t offset, std::span<const std::span<char>> into, Tier tier) override {
    std::size_t done = 0;
    std::size_t skip = 0;
    while (!into.empty()) {
      std::array<iovec, 16> vector;
      std::size_t count = std::min(into.size(), vector.size());
      for (std::size_t i = 0; i < count; ++i) vector[i] = {into[i].data(), into[i].size()};
      vector[0].iov_base = into[0].data() + skip;
      vector[0].iov_len -= skip;
      ssize_t got = ::preadv2(descriptor_.get(), vector.data(), static_cast<int>(count),
                              static_cast<off_t>(offset + done), tier == Tier::memory ? RWF_NOWAIT : 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && tier == Tier::memory) return fail(kWouldBlock, "not cached");
      if (got < 0) return system_error("read", path_);
      if (got == 0 && vector[0].iov_len != 0) break;
      done += static_cast<std::size_t>(got);
      skip += static_cast<std::size_t>(got);
      while (!into.empty() && skip >= into.front().size()) {
        skip -= into.front().size();
        into = into.subspan(1);
      }
    }
    return done;
  }

  Result<> preallocate(std::uint64_t length) override {
    if (::fallocate(descriptor_.get(), 0, 0, static_cast<off_t>(length)) == 0) return {};
    if (errno != EOPNOTSUPP) return system_error("preallocate", path_);
    return zero(TRY(size()), length);
  }

  Result<> zero(std::uint64_t offset, std::uint64_t length) override {
    static constexpr std::array<char, kZeroStep> kZeros{};
    for (std::uint64_t end = offset + length; offset < end;) {
      std::string_view part(kZeros.data(), std::min<std::uint64_t>(kZeroStep, end - offset));
      TRY(write(offset, std::span(&part, 1)));
      offset += part.size();
    }
    return {};
  }

  Result<> truncate(std::uint64_t length) override {
    if (::ftruncate(descriptor_.get(), static_cast<off_t>(length)) != 0) return system_error("truncate", path_);
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat status{};
    if (::fstat(descriptor_.get(), &status) != 0) return system_error("stat", path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  Descriptor descriptor_;
  std::string path_;
};

class LocalVolume final : public Volume {
 public:
  LocalVolume(std::string directory, Descriptor lock) : directory_(std::move(directory)), lock_(std::move(lock)) {}

  Result<std::unique_ptr<File>> open(const std::string& name, Opening opening) override {
    int flags = O_RDWR | O_CLOEXEC | (opening == Opening::create ? O_CREAT | O_TRUNC : 0);
    Descriptor descriptor(::open(path(name).c_str(), flags, 0600));
    if (!descriptor && opening == Opening::create && errno == ENOENT) {
      TRY(make_folder(name));
      descriptor = Descriptor(::open(path(name).c_str(), flags, 0600));
    }
    if (!descriptor) return system_error("open", path(name));
    if (opening == Opening::create) TRY(sync_directory(folder_of(name)));
    return std::make_unique<LocalFile>(std::move(descriptor), path(name));
  }

  Result<> replace(const std::string& name, std::string_view content) override {
    std::string temporary = name + ".new";
    {
      std::unique_ptr<File> file = TRY(open(temporary, Opening::create));
      TRY(file->write(0, std::span(&content, 1)));
      TRY(file->sync());
    }
    return rename(temporary, name);
  }

  Result<std::string> read_whole(const std::string& name, std::uint64_t size_max) override {
    std::unique_ptr<File> file = TRY(open(name, Opening::existing));
    std::uint64_t size = TRY(file->size());
    if (size > size_max) return fail(kTooLarge, path(name) + " is too large");
    std::string content(size, '\0');
    std::span<char> into(content);
    content.resize(TRY(file->read(0, std::span<const std::span<char>>(&into, 1), Tier::any)));
    return content;
  }

  Result<> remove(const std::string& name) override {
    if (::unlink(path(name).c_str()) != 0) {
      if (errno == ENOENT) return {};
      return system_error("remove", path(name));
    }
    return sync_directory(folder_of(name));
  }

  Result<> rename(const std::string& from, const std::string& to) override {
    if (::rename(path(from).c_str(), path(to).c_str()) != 0) return system_error("rename", path(from));
    return sync_directory(folder_of(to));
  }

  Result<std::vector<FileEntry>> list() override {
    std::vector<FileEntry> files;
    TRY(list_folder("", files));
    std::ranges::sort(files, {}, &FileEntry::name);
    return files;
  }

  Result<Space> space() override {
    struct statvfs status{};
    if (::statvfs(directory_.c_str(), &status) != 0) return system_error("statvfs", directory_);
    return Space{status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize};
  }

  Result<> copy_to(const std::string& name, std::uint64_t length, Sharing sharing, Volume& target) override {
    if (std::optional<std::string> other = target.directory(); other && sharing == Sharing::link) {
      std::string to = *other + "/" + name;
      if (::link(path(name).c_str(), to.c_str()) == 0) return sync_directory(*other);
    }
    return Volume::copy_to(name, length, sharing, target);  // another file system, or one without links
  }

  [[nodiscard]] std::optional<std::string> directory() const override { return directory_; }

 private:
  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }
  [[nodiscard]] std::string folder_of(const std::string& name) const {
    std::size_t slash = name.find('/');
    return slash == name.npos ? directory_ : path(name.substr(0, slash));
  }

  Result<> make_folder(const std::string& name) {
    std::string folder = folder_of(name);
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return system_error("make", folder);
    return sync_directory(directory_);
  }

  Result<> list_folder(const std::string& folder, std::vector<FileEntry>& files) {
    std::string where = folder.empty() ? directory_ : path(folder);
    DIR* stream = ::opendir(where.c_str());
    if (stream == nullptr) return system_error("list", where);
    while (const dirent* entry = ::readdir(stream)) {
      std::string name = entry->d_name;
      if (name == "." || name == ".." || !is_name(name) || (folder.empty() && name == kLockName)) continue;
      std::string whole = folder.empty() ? name : folder + "/" + name;
      struct stat status{};
      if (::stat(path(whole).c_str(), &status) != 0) continue;
      if (S_ISDIR(status.st_mode) && folder.empty()) {
        if (Result<> inner = list_folder(name, files); !inner) {
          ::closedir(stream);
          return inner;
        }
      }
      if (S_ISREG(status.st_mode)) files.push_back({whole, static_cast<std::uint64_t>(status.st_size)});
    }
    ::closedir(stream);
    return {};
  }

  std::string directory_;
  Descriptor lock_;
};

}  // namespace

Result<std::unique_ptr<Volume>> open_local_volume(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return system_error("make", directory);
  std::string path = directory + "/" + std::string(kLockName);
  Descriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return system_error("open", path);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return fail(kLocked, "the store in " + directory + " is open already");
    return system_error("lock", path);
  }
  return std::make_unique<LocalVolume>(directory, std::move(lock));
}

}  // namespace angarium::store
