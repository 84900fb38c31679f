#include "transfer/local_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "base/time.h"
#include "delivery/mbox_lock.h"
#include "transfer/source.h"

namespace angarium::transfer {
namespace {

constexpr Duration kLockPause = std::chrono::milliseconds(20);

/// Somebody holds the lock beside the file, and not for so long that it must be left over.
bool has_lock_file(const std::string& path) {
  struct stat status{};
  if (::stat((path + ".lock").c_str(), &status) != 0) return false;
  return system_clock().wall().seconds() - status.st_mtime < delivery::kDotFileStale_s;
}

/// Sets or gives up the lock for reading. A file system without locks has nobody who holds one.
bool set_lock(int descriptor, short kind) {
  struct flock lock{};
  lock.l_type = kind;
  lock.l_whence = SEEK_SET;
  return ::fcntl(descriptor, F_OFD_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES);
}

/// Takes it while nobody holds the lock beside the file.
bool try_read_lock(const LocalFile& file) {
  return !has_lock_file(file.path()) && set_lock(file.descriptor(), F_RDLCK);
}

/// Calls attempt() until it is done.
Result<> wait_for_lock(const LocalFile& file, const std::function<Result<bool>()>& attempt) {
  const Moment give_up = system_clock().now() + delivery::kLockWait;
  while (!TRY(attempt())) {
    if (system_clock().now() > give_up)
      return fail(kChanged, "another program holds the lock of " + escape_controls(file.path(), 4096) +
                                "; try again when it is done");
    delivery::local_files().pause(kLockPause);
  }
  return {};
}

}  // namespace

Result<LocalFile> LocalFile::open(const std::string& path) {
  LocalFile file;
  file.path_ = path;
  file.file_ = delivery::Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.file_.get() < 0) return std::unexpected(place_error(errno, "open", path));
  struct stat status{};
  if (::fstat(file.file_.get(), &status) != 0) return std::unexpected(place_error(errno, "examine", path));
  if (!S_ISREG(status.st_mode)) return fail(kPlace, escape_controls(path, 4096) + " is no regular file");
  file.size_ = static_cast<std::uint64_t>(status.st_size);
  file.modified_ = status.st_mtime;
  return file;
}

Result<std::string> LocalFile::at(std::uint64_t offset, std::size_t count) const {
  if (offset >= size_) return std::string();
  return read(offset, std::min<std::uint64_t>(count, size_ - offset));
}

Result<std::string> LocalFile::behind_end(std::size_t count) const { return read(size_, count); }

Result<std::string> LocalFile::read(std::uint64_t offset, std::size_t count) const {
  std::string octets(count, '\0');
  std::size_t filled = 0;
  while (filled < octets.size()) {
    const ssize_t got =
        ::pread(file_.get(), octets.data() + filled, octets.size() - filled, static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(place_error(errno, "read", path_));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  octets.resize(filled);
  return octets;
}

Result<std::string_view> LocalFile::next() {
  if (block_.empty()) block_.resize(std::min<std::uint64_t>(kReadOctets, std::max<std::uint64_t>(size_, 1)));
  const auto wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(block_.size(), size_ - std::min(offset_, size_)));
  if (wanted == 0) return std::string_view();
  while (true) {
    const ssize_t got = ::pread(file_.get(), block_.data(), wanted, static_cast<off_t>(offset_));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(place_error(errno, "read", path_));
    if (got == 0) return fail(kRewritten, escape_controls(path_, 4096) + " became shorter while it was read");
    offset_ += static_cast<std::uint64_t>(got);
    return std::string_view(block_).substr(0, static_cast<std::size_t>(got));
  }
}

Result<FileState> state_now(const LocalFile& file) {
  const WallTime now = system_clock().wall();
  struct stat status{};
  if (::fstat(file.descriptor(), &status) != 0) return std::unexpected(place_error(errno, "examine", file.path()));
  const std::int64_t written_us = status.st_mtim.tv_sec * 1'000'000 + status.st_mtim.tv_nsec / 1000;
  return FileState{.size = static_cast<std::uint64_t>(status.st_size),
                   .written_us = written_us,
                   .fresh = now.microseconds - written_us < kFreshFor_us};
}

Result<FileState> settled(const LocalFile& file, const std::function<Result<>()>& look) {
  FileState state;
  TRY(wait_for_lock(file, [&]() -> Result<bool> {
    if (!try_read_lock(file)) return false;
    state = TRY(state_now(file));
    auto looked = look();
    const FileState after = TRY(state_now(file));
    (void)set_lock(file.descriptor(), F_UNLCK);
    if (!looked) return std::unexpected(std::move(looked).error());
    // Who locks by the file alone came and went meanwhile, or is still there.
    return !has_lock_file(file.path()) && after.same(state);
  }));
  return state;
}

Result<HeldStill> HeldStill::take(const std::string& path) {
  HeldStill held(TRY(LocalFile::open(path)));
  TRY(wait_for_lock(held.file_, [&]() -> Result<bool> { return try_read_lock(held.file_); }));
  return held;
}

}  // namespace angarium::transfer
