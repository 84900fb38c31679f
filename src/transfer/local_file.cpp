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

constexpr Duration kLockPause = std::chrono::milliseconds(100);

/// Somebody holds the lock beside the file, and not for so long that it must be left over.
bool has_lock_file(const std::string& path) {
  struct stat status{};
  if (::stat((path + ".lock").c_str(), &status) != 0) return false;
  return system_clock().wall().seconds() - status.st_mtime < delivery::kDotFileStale_s;
}

/// The lock for reading is free: it is taken and given up.
bool lock_is_free(int descriptor) {
  struct flock lock{};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(descriptor, F_OFD_SETLK, &lock) != 0) return errno != EAGAIN && errno != EACCES;
  lock.l_type = F_UNLCK;
  (void)::fcntl(descriptor, F_OFD_SETLK, &lock);
  return true;
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
  std::string octets;
  if (offset >= size_) return octets;
  octets.resize(std::min<std::uint64_t>(count, size_ - offset));
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
    offset_ += static_cast<std::uint64_t>(got);
    return std::string_view(block_).substr(0, static_cast<std::size_t>(got));
  }
}

Result<std::uint64_t> settled_size(const LocalFile& file) {
  const Moment give_up = system_clock().now() + delivery::kLockWait;
  while (has_lock_file(file.path()) || !lock_is_free(file.descriptor())) {
    if (system_clock().now() > give_up)
      return fail(kChanged, "another program holds the lock of " + escape_controls(file.path(), 4096) +
                                "; try again when it is done");
    delivery::local_files().pause(kLockPause);
  }
  struct stat status{};
  if (::fstat(file.descriptor(), &status) != 0) return std::unexpected(place_error(errno, "examine", file.path()));
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace angarium::transfer
