// Loaded before the C library (LD_PRELOAD) by the trial of a failing disk: calls that change files below
// $ANGARIUM_FAULT_BELOW fail as the file $ANGARIUM_FAULT_CONTROL says, as long as it is there. It holds the number of
// an errno and then words: write (every second one leaves half of its octets, as a disk does), allocate, sync, name,
// space.
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

template <typename Function>
Function* next_of(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

/// Looked up once each: the C library's own.
#define ANGARIUM_NEXT(name)                                   \
  (*[] {                                                      \
    static auto* const next = next_of<decltype(name)>(#name); \
    return next;                                              \
  }())

/// The errno with which such a call fails now; 0: none.
int fault(std::string_view call) {
  static const char* const control = std::getenv("ANGARIUM_FAULT_CONTROL");
  if (control == nullptr) return 0;
  const int file = ANGARIUM_NEXT(open)(control, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  std::array<char, 128> text{};
  const ssize_t size = read(file, text.data(), text.size() - 1);
  close(file);
  const std::string_view said(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return said.find(call) == said.npos ? 0 : std::atoi(text.data());
}

bool below(std::string_view path) {
  static const char* const directory = std::getenv("ANGARIUM_FAULT_BELOW");
  return directory != nullptr && path.starts_with(directory);
}

bool below(int descriptor) {
  std::array<char, PATH_MAX> path;
  std::array<char, 32> link;
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", descriptor);
  const ssize_t size = readlink(link.data(), path.data(), path.size());
  return size > 0 && below(std::string_view(path.data(), static_cast<std::size_t>(size)));
}

/// As the call's own failure; 0: go on.
template <typename Where>
int failing(std::string_view call, Where where) {
  const int saved = errno;
  const int number = fault(call);
  const bool fails = number != 0 && below(where);
  errno = fails ? number : saved;
  return fails ? -1 : 0;
}

}  // namespace

extern "C" {

ssize_t pwritev(int descriptor, const iovec* parts, int count, off_t offset) {
  if (failing("write", descriptor) == 0) return ANGARIUM_NEXT(pwritev)(descriptor, parts, count, offset);
  static std::atomic<unsigned> calls{0};
  if (calls.fetch_add(1) % 2 == 0 && count > 0 && parts[0].iov_len > 1) {
    const int number = errno;
    const iovec half{parts[0].iov_base, parts[0].iov_len / 2};
    const ssize_t written = ANGARIUM_NEXT(pwritev)(descriptor, &half, 1, offset);
    errno = number;
    return written;
  }
  return -1;
}

ssize_t pwritev64(int descriptor, const iovec* parts, int count, off64_t offset) {
  return pwritev(descriptor, parts, count, offset);
}

int fdatasync(int descriptor) { return failing("sync", descriptor) != 0 ? -1 : ANGARIUM_NEXT(fdatasync)(descriptor); }

int fsync(int descriptor) { return failing("sync", descriptor) != 0 ? -1 : ANGARIUM_NEXT(fsync)(descriptor); }

int fallocate(int descriptor, int mode, off_t offset, off_t length) {
  return failing("allocate", descriptor) != 0 ? -1 : ANGARIUM_NEXT(fallocate)(descriptor, mode, offset, length);
}

int fallocate64(int descriptor, int mode, off64_t offset, off64_t length) {
  return fallocate(descriptor, mode, offset, length);
}

int ftruncate(int descriptor, off_t length) noexcept {
  return failing("allocate", descriptor) != 0 ? -1 : ANGARIUM_NEXT(ftruncate)(descriptor, length);
}

int ftruncate64(int descriptor, off64_t length) noexcept { return ftruncate(descriptor, length); }

int rename(const char* from, const char* to) noexcept {
  return failing("name", std::string_view(to)) != 0 ? -1 : ANGARIUM_NEXT(rename)(from, to);
}

int unlink(const char* path) noexcept {
  return failing("name", std::string_view(path)) != 0 ? -1 : ANGARIUM_NEXT(unlink)(path);
}

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list more;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
    if (failing("name", std::string_view(path)) != 0) return -1;
  }
  return ANGARIUM_NEXT(open)(path, flags, mode);
}

int statvfs(const char* path, struct statvfs* space) noexcept {
  const int result = ANGARIUM_NEXT(statvfs)(path, space);
  if (result == 0 && fault("space") != 0 && below(std::string_view(path))) space->f_bavail = 0;
  return result;
}

}  // extern "C"
