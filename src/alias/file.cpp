#include "alias/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace angarium::alias {
namespace {

constexpr std::uint32_t kOthersMayWrite = S_IWGRP | S_IWOTH;

bool is_absent(int error) { return error == ENOENT || error == ENOTDIR; }

std::unexpected<Error> unreadable(const std::string& path, int error) {
  return fail(kUnreadableFile, "cannot read " + escape_controls(path) + ": " + std::strerror(error));
}

FileStatus read_status(const struct stat& stat) {
  return {.regular = S_ISREG(stat.st_mode),
          .owner = stat.st_uid,
          .mode = stat.st_mode & 07777U,
          .size = static_cast<std::uint64_t>(stat.st_size),
          .changed_ns = stat.st_mtim.tv_sec * 1'000'000'000 + stat.st_mtim.tv_nsec,
          .inode = stat.st_ino,
          .device = stat.st_dev};
}

struct Open {
  explicit Open(int of) : descriptor(of) {}
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;
  ~Open() {
    if (descriptor >= 0) ::close(descriptor);
  }
  int descriptor;
};

class SystemFiles final : public Files {
 public:
  Result<std::optional<FileStatus>> status(const std::string& path) override {
    struct stat stat{};
    if (::stat(path.c_str(), &stat) == 0) return read_status(stat);
    if (is_absent(errno)) return std::nullopt;
    return unreadable(path, errno);
  }

  Result<std::optional<FileText>> read(const std::string& path, std::size_t max) override {
    // O_NONBLOCK: a FIFO must not keep us.
    const Open open(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (open.descriptor < 0) {
      if (is_absent(errno)) return std::nullopt;
      return unreadable(path, errno);
    }
    struct stat stat{};
    if (::fstat(open.descriptor, &stat) != 0) return unreadable(path, errno);
    FileText result{.status = read_status(stat), .text = {}};
    if (!result.status.regular) return result;
    char block[65536];
    while (true) {
      const auto count = ::read(open.descriptor, block, sizeof block);
      if (count == 0) return result;
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return unreadable(path, errno);
      result.text.append(block, static_cast<std::size_t>(count));
      if (result.text.size() > max) return unreadable(path, EFBIG);
    }
  }
};

}  // namespace

Trust trust_of(const FileStatus& status, std::uint32_t owner) {
  const bool owned = status.owner == 0 || status.owner == owner;
  return status.regular && owned && (status.mode & kOthersMayWrite) == 0 ? Trust::all : Trust::addresses;
}

Files& system_files() {
  static SystemFiles files;
  return files;
}

}  // namespace angarium::alias
