// Linux: descriptions' own locks (F_OFD_SETLK), renameat2, files without a name (O_TMPFILE, memfd_create).
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>

#include "delivery/files.h"

namespace angarium::delivery {
namespace {

std::unexpected<int> failed() { return std::unexpected(errno); }

/// Makes a call again while signals interrupt it.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

/// The 22nd field of proc_pid_stat(5) is the time after boot, in ticks; 0 when it can't be read.
std::int64_t began(std::uint64_t process) {
  constexpr int kFieldsBefore = 19;  // behind the name, which stands in parentheses and may hold anything
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(file, text, '\0');
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int i = 0; i < kFieldsBefore; ++i) fields >> field;
  std::int64_t ticks = 0;
  if (!(fields >> ticks)) return 0;
  timespec now{};
  timespec since_boot{};
  if (::clock_gettime(CLOCK_REALTIME, &now) != 0 || ::clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0) return 0;
  return now.tv_sec - since_boot.tv_sec + ticks / ::sysconf(_SC_CLK_TCK);
}

Answer<> done(int result) {
  if (result < 0) return failed();
  return {};
}

Answer<Descriptor> opened(int descriptor) {
  if (descriptor < 0) return failed();
  return Descriptor(descriptor);
}

FileFacts facts_of(const struct stat& status) {
  const FileFacts::Kind kind = S_ISREG(status.st_mode)   ? FileFacts::Kind::regular
                               : S_ISDIR(status.st_mode) ? FileFacts::Kind::folder
                               : S_ISLNK(status.st_mode) ? FileFacts::Kind::link
                                                         : FileFacts::Kind::other;
  return {.kind = kind,
          .device = status.st_dev,
          .number = status.st_ino,
          .links = status.st_nlink,
          .size = static_cast<std::uint64_t>(status.st_size),
          .owner = status.st_uid,
          .changed_s = status.st_mtim.tv_sec};
}

constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
/// O_NONBLOCK: opening a FIFO or a device that somebody put there must not wait.
constexpr int kFile = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

class LocalFiles final : public Files {
 public:
  Answer<Descriptor> open_folder(const std::string& path) override {
    return opened(uninterrupted([&] { return ::open(path.c_str(), kFolder); }));
  }
  Answer<Descriptor> open_folder(const Descriptor& folder, const std::string& name) override {
    return opened(uninterrupted([&] { return ::openat(folder.get(), name.c_str(), kFolder | O_NOFOLLOW); }));
  }
  Answer<> make_folder(const Descriptor& folder, const std::string& name) override {
    return done(::mkdirat(folder.get(), name.c_str(), 0700));
  }
  Answer<Descriptor> open(const Descriptor& folder, const std::string& name) override {
    return opened(uninterrupted([&] { return ::openat(folder.get(), name.c_str(), kFile); }));
  }
  Answer<Descriptor> create(const Descriptor& folder, const std::string& name, unsigned mode) override {
    return opened(uninterrupted([&] { return ::openat(folder.get(), name.c_str(), kFile | O_CREAT | O_EXCL, mode); }));
  }
  Answer<Descriptor> create_unnamed() override {
    const char* const named = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): nobody sets it here
    const char* const folder = named == nullptr || *named == '\0' ? "/var/tmp" : named;
    // O_EXCL: nobody gives it a name later.
    Answer<Descriptor> file =
        opened(uninterrupted([&] { return ::open(folder, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0400); }));
    const bool full = !file && (file.error() == ENOSPC || file.error() == EDQUOT);
    // No such folder, none that may be written, or a file system that has no such files.
    if (!file && !full) file = opened(::memfd_create("letter", MFD_CLOEXEC));
    if (file && ::fchmod(file->get(), 0444) != 0) return failed();
    return file;
  }
  Answer<Descriptor> open_for_reading(const Descriptor& file) override {
    const std::string path = "/proc/self/fd/" + std::to_string(file.get());
    return opened(uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
  }
  Answer<FileFacts> facts(const Descriptor& file) override {
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) return failed();
    return facts_of(status);
  }
  Answer<FileFacts> facts(const Descriptor& folder, const std::string& name) override {
    struct stat status{};
    if (::fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return failed();
    return facts_of(status);
  }
  Answer<std::string> read(const Descriptor& file, std::uint64_t offset, std::size_t count) override {
    std::string octets(count, '\0');
    std::size_t size = 0;
    while (size < count) {
      const ssize_t got = uninterrupted(
          [&] { return ::pread(file.get(), octets.data() + size, count - size, static_cast<off_t>(offset + size)); });
      if (got < 0) return failed();
      if (got == 0) break;
      size += static_cast<std::size_t>(got);
    }
    octets.resize(size);
    return octets;
  }
  Answer<std::size_t> write(const Descriptor& file, std::uint64_t offset, std::string_view octets) override {
    const ssize_t size =
        uninterrupted([&] { return ::pwrite(file.get(), octets.data(), octets.size(), static_cast<off_t>(offset)); });
    if (size < 0) return failed();
    if (size == 0) return std::unexpected(ENOSPC);
    return static_cast<std::size_t>(size);
  }
  Answer<> append(const Descriptor& folder, const std::string& name, std::string_view octets) override {
    const Answer<Descriptor> file =
        opened(uninterrupted([&] { return ::openat(folder.get(), name.c_str(), kFile | O_APPEND); }));
    if (!file) return std::unexpected(file.error());
    const ssize_t size = uninterrupted([&] { return ::write(file->get(), octets.data(), octets.size()); });
    if (size < 0) return failed();
    return size == static_cast<ssize_t>(octets.size()) ? Answer<>() : std::unexpected(ENOSPC);
  }
  Answer<> truncate(const Descriptor& file, std::uint64_t size) override {
    return done(uninterrupted([&] { return ::ftruncate(file.get(), static_cast<off_t>(size)); }));
  }
  Answer<> sync(const Descriptor& file) override {
    return done(uninterrupted([&] { return ::fsync(file.get()); }));
  }
  Answer<> lock(const Descriptor& file) override {
    struct flock whole{};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (::fcntl(file.get(), F_OFD_SETLK, &whole) == 0) return {};
    return std::unexpected(errno == EACCES ? EAGAIN : errno);  // POSIX allows either
  }
  Answer<> link(const Descriptor& from, const std::string& name, const Descriptor& to,
                const std::string& new_name) override {
    return done(::linkat(from.get(), name.c_str(), to.get(), new_name.c_str(), 0));
  }
  Answer<> rename(const Descriptor& from, const std::string& name, const Descriptor& to,
                  const std::string& new_name) override {
    if (::renameat2(from.get(), name.c_str(), to.get(), new_name.c_str(), RENAME_NOREPLACE) == 0) return {};
    if (errno != EINVAL && errno != ENOSYS) return failed();
    // A file system without it: the caller's names are such that nobody else has them.
    return done(::renameat(from.get(), name.c_str(), to.get(), new_name.c_str()));
  }
  Answer<> remove(const Descriptor& folder, const std::string& name) override {
    return done(::unlinkat(folder.get(), name.c_str(), 0));
  }
  Answer<std::vector<std::string>> list(const Descriptor& folder, std::size_t max) override {
    // A descriptor of its own: closedir() closes it, and its position is the stream's.
    const int again = ::openat(folder.get(), ".", kFolder);
    if (again < 0) return failed();
    DIR* stream = ::fdopendir(again);
    if (stream == nullptr) {
      const int why = errno;
      ::close(again);
      return std::unexpected(why);
    }
    std::vector<std::string> names;
    while (names.size() < max) {
      const dirent* entry = ::readdir(stream);
      if (entry == nullptr) break;
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    ::closedir(stream);
    return names;
  }
  void pause(Duration duration) override {
    ::poll(nullptr, 0, static_cast<int>(std::max<std::int64_t>(1, duration.count() / 1000)));
  }
  std::optional<std::int64_t> process_began(std::uint64_t process) override {
    if (::kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH) return std::nullopt;
    return began(process);
  }
};

}  // namespace

Files& local_files() {
  static LocalFiles files;
  return files;
}

Answer<> write_all(Files& files, const Descriptor& file, std::uint64_t offset, std::string_view octets) {
  while (!octets.empty()) {
    const Answer<std::size_t> size = files.write(file, offset, octets);
    if (!size) return std::unexpected(size.error());
    offset += *size;
    octets.remove_prefix(*size);
  }
  return {};
}

}  // namespace angarium::delivery
