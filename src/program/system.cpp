#include "program/system.h"

#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/text.h"

namespace angarium::program {
namespace {

Error failed(const std::string& what, int number) { return {kSystem, what + ": " + strerrordesc_np(number)}; }

}  // namespace

bool exists(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0;
}

bool owns(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && status.st_uid == geteuid();
}

Result<> make_directory(const std::string& path, unsigned mode) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    const bool last = slash == std::string::npos || slash + 1 == path.size();
    if (mkdir(part.c_str(), last ? mode : 0755) != 0 && errno != EEXIST)
      return std::unexpected(failed("cannot make " + part, errno));
    if (last) return {};
  }
}

Result<> become(const std::string& user) {
  const passwd* entry = getpwnam(user.c_str());
  if (entry == nullptr)
    return fail(kSystem, "server.user: there is no user '" + escape_controls(user) + "' on this host");
  const uid_t uid = entry->pw_uid;
  const gid_t gid = entry->pw_gid;
  if (initgroups(user.c_str(), gid) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
    return std::unexpected(failed("cannot become " + user, errno));
  if (uid != 0 && setuid(0) == 0) return fail(kSystem, "root could be regained after becoming " + user);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return std::unexpected(failed("cannot set no_new_privs as " + user, errno));
  return {};
}

Result<> leave_no_core_file() {
  // Not RLIMIT_CORE: it says nothing to programs that gather core files.
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    return std::unexpected(failed("cannot keep keys out of core files", errno));
  return {};
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void return_large_blocks() {
  // Fixed: glibc otherwise raises its threshold to the size of each large block that is freed (mallopt(3)), and buffers
  // of messages that are long gone stay in the heaps of all threads (docs/decisions/0003-memory.md).
  constexpr int kLargeBlock = 128 * 1024;
  mallopt(M_MMAP_THRESHOLD, kLargeBlock);
  // A stream of pieces of mail is freed and allocated again all the time: that much at the end of a heap stays, or
  // each piece would be of new pages (a fifth of the time of reading a mailbox, docs/decisions/0004-speed.md).
  mallopt(M_TRIM_THRESHOLD, 8 * kLargeBlock);
}

void notify_service_manager(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // the abstract name space
  const int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  // The manager may be gone; then there is nobody to tell.
  (void)sendto(descriptor, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size);
  close(descriptor);
}

std::vector<int> passed_sockets() {
  constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
  const char* process = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  std::vector<int> sockets;
  if (process == nullptr || count == nullptr || parse_number<unsigned>(process) != static_cast<unsigned>(getpid()))
    return sockets;
  const unsigned number = parse_number<unsigned>(count).value_or(0);
  for (unsigned i = 0; i < number && i < 1000; ++i) {
    const int descriptor = kFirst + static_cast<int>(i);
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    sockets.push_back(descriptor);
  }
  return sockets;
}

bool logs_to_journal() {
  // systemd.exec(5): JOURNAL_STREAM holds device and inode of the stream that standard error is connected to.
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status{};
  if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
  return std::string_view(stream) == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

}  // namespace angarium::program
