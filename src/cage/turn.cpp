#include "cage/turn.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/log.h"
#include "base/random.h"
#include "cage/types.h"

namespace angarium::cage {
namespace {

/// Octets that are locked need not be there; so many have a number in off_t, with one behind the last.
constexpr std::uint64_t kNumbers = std::uint64_t{1} << 62;

struct flock part(short kind, std::int64_t from, std::int64_t length) {
  struct flock lock{};
  lock.l_type = kind;
  lock.l_whence = SEEK_SET;
  lock.l_start = from;
  lock.l_len = length;
  return lock;
}

/// Whether a lock of another description's is in there.
Result<bool> is_locked(const Descriptor& file, std::int64_t from, std::int64_t length) {
  struct flock lock = part(F_WRLCK, from, length);
  if (::fcntl(file.get(), F_OFD_GETLK, &lock) != 0) return fail(kUnavailable, strerrordesc_np(errno));
  return lock.l_type != F_UNLCK;
}

/// Own first, then others': of two that do so at one time at least one sees the other.
Result<bool> lock_alone(const Descriptor& file, std::int64_t number) {
  struct flock own = part(F_RDLCK, number, 1);
  if (::fcntl(file.get(), F_OFD_SETLK, &own) != 0) return fail(kUnavailable, strerrordesc_np(errno));
  return !TRY(is_locked(file, 0, number)) && !TRY(is_locked(file, number + 1, 0));
}

}  // namespace

// 0 octets would be all.
Turns::Turns(Descriptor folder)
    : folder_(std::move(folder)), number_(1 + static_cast<std::int64_t>(system_random().below(kNumbers))) {}

Result<Descriptor> Turns::take(uid_t user) {
  const Descriptor folder = std::move(folder_);
  if (folder.get() < 0) return Descriptor();
  // The user's process has it: it is written to by nobody, and no way to anything else.
  Descriptor file(::openat(folder.get(), std::to_string(user).c_str(),
                           O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  struct stat status{};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0)
    return fail(kUnavailable,
                std::string("the lock of the user's processes cannot be opened: ") + strerrordesc_np(errno));
  if (!S_ISREG(status.st_mode)) return fail(kUnavailable, "the lock of the user's processes is no file");
  const auto alone = lock_alone(file, number_);
  if (!alone)
    log::warning("cage", "processes of users are not told apart from those of the last server",
                 {{"error", alone.error().text()}});
  else if (!*alone)
    return fail(kUnavailable, "the processes that worked on the user's boxes for the last server have not ended yet");
  return file;
}

}  // namespace angarium::cage
