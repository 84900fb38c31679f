#include "box/keyword_table.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>
#include <utility>

#include "base/text.h"
#include "box/box.h"
#include "delivery/here.h"

namespace angarium::box {
namespace {

using delivery::Descriptor;

const std::string kTableFile = "dovecot-keywords";
/// Under the lock a table is written here first, and whatever lies there is nobody's: Dovecot does it so.
const std::string kNewTableFile = kTableFile + ".lock";
/// Its lock file is that of the Maildir's numbers.
const std::string kNumbersFile = "dovecot-uidlist";
/// Between two looks at a lock, never in step with another waiting program.
constexpr Duration kPauseMin = std::chrono::milliseconds(20);
constexpr std::uint64_t kPauseSpread_us = 180'000;

Error cannot(const std::string& what, int number) { return {kHost, what + ": " + strerrordesc_np(number)}; }

/// An octet more of what is too large.
Result<std::string> read_all(const Descriptor& file, const std::string& path) {
  std::string text(kKeywordTableMax + 1, '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(cannot(path, errno));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  text.resize(have);
  return text;
}

struct Claimed {
  std::mutex mutex;
  std::set<std::string> maildirs;
};
Claimed& claimed() {
  static Claimed all;
  return all;
}

}  // namespace

Result<KeywordTable> read_keyword_table(const std::string& maildir) {
  const std::string path = maildir + "/" + kTableFile;
  KeywordTable table;
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.get() < 0 && errno == ENOENT) return table;
  table.there = KeywordTable::There::no_table;
  if (file.get() < 0 && (errno == ELOOP || errno == ENXIO)) return table;
  struct stat status{};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return std::unexpected(cannot(path, errno));
  if (!S_ISREG(status.st_mode)) return table;
  const std::string text = TRY(read_all(file, path));
  if (text.size() > kKeywordTableMax) return table;
  table.there = KeywordTable::There::table;
  table.changed_s = status.st_mtime;
  table.mode = status.st_mode & 0777;
  table.group = status.st_gid;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = take_until(rest, '\n');
    const auto number = parse_number<std::uint32_t>(take_until(line, ' '));
    if (number && *number < table.names.size() && !line.empty()) table.names[*number] = line;
  }
  return table;
}

Result<bool> has_numbers(const std::string& maildir) {
  const std::string path = maildir + "/" + kNumbersFile;
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT) return false;
  return std::unexpected(cannot(path, errno));
}

std::optional<KeywordTableLock::Claim> KeywordTableLock::Claim::take(const std::string& maildir) {
  const std::lock_guard lock(claimed().mutex);
  if (!claimed().maildirs.insert(maildir).second) return std::nullopt;
  return Claim(maildir);
}

KeywordTableLock::Claim::~Claim() {
  if (maildir_.empty()) return;
  const std::lock_guard lock(claimed().mutex);
  claimed().maildirs.erase(maildir_);
}

KeywordTableLock::KeywordTableLock(Claim claim, const std::string& maildir, const delivery::Surroundings& surroundings,
                                   Descriptor folder)
    : claim_(std::move(claim)),
      maildir_(maildir),
      surroundings_(delivery::with_names(surroundings)),
      folder_(std::move(folder)),
      dot_file_(surroundings_, folder_, kNumbersFile) {}

/// Nothing: somebody has it.
Result<std::unique_ptr<KeywordTableLock>> KeywordTableLock::try_take(const std::string& maildir,
                                                                     const delivery::Surroundings& surroundings) {
  auto claim = Claim::take(maildir);
  if (!claim) return nullptr;
  auto folder = surroundings.files.open_folder(maildir);
  if (!folder) return std::unexpected(cannot("cannot open " + maildir, folder.error()));
  std::unique_ptr<KeywordTableLock> lock(
      new KeywordTableLock(*std::move(claim), maildir, surroundings, *std::move(folder)));
  const auto taken = lock->dot_file_.take();
  if (!taken) return fail(kHost, taken.error().words);
  if (*taken == delivery::DotFile::Taken::cannot) return fail(kHost, "cannot make a lock file in " + maildir);
  return *taken == delivery::DotFile::Taken::yes ? std::move(lock) : nullptr;
}

Result<std::unique_ptr<KeywordTableLock>> KeywordTableLock::take(const std::string& maildir,
                                                                 const delivery::Surroundings& surroundings) {
  const Moment deadline = surroundings.clock.now() + delivery::kLockWait;
  while (true) {
    auto lock = TRY(try_take(maildir, surroundings));
    if (lock) return lock;
    if (surroundings.clock.now() >= deadline)
      return fail(kHost, maildir + "/" + kNumbersFile + " is locked by another program");
    surroundings.files.pause(kPauseMin +
                             Duration(static_cast<std::int64_t>(surroundings.random.below(kPauseSpread_us))));
  }
}

Result<> KeywordTableLock::replace(const KeywordTable& old, const std::vector<std::string>& names) {
  delivery::Files& files = surroundings_.files;
  (void)files.remove(folder_, kNewTableFile);
  const auto file = files.create(folder_, kNewTableFile, 0600);
  if (!file) return std::unexpected(cannot("cannot write " + maildir_ + "/" + kNewTableFile, file.error()));
  auto written = write(*file, old, names);
  // Whoever took the lock for stale holds it now.
  if (written && !dot_file_.is_ours())
    written = fail(kHost, maildir_ + "/" + kNumbersFile + " was locked by another program meanwhile");
  if (written && ::renameat(folder_.get(), kNewTableFile.c_str(), folder_.get(), kTableFile.c_str()) != 0)
    written = std::unexpected(cannot("cannot write " + maildir_ + "/" + kTableFile, errno));
  if (!written) {
    (void)files.remove(folder_, kNewTableFile);
    return written;
  }
  const auto synced = files.sync(folder_);
  return synced ? Result<>() : std::unexpected(cannot("cannot write " + maildir_, synced.error()));
}

Result<> KeywordTableLock::write(const Descriptor& file, const KeywordTable& old,
                                 const std::vector<std::string>& names) {
  delivery::Files& files = surroundings_.files;
  const std::string what = "cannot write " + maildir_ + "/" + kNewTableFile;
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (!names[i].empty()) text += std::to_string(i) + " " + names[i] + "\n";
  struct stat folder{};
  if (::fstat(folder_.get(), &folder) != 0) return std::unexpected(cannot(what, errno));
  // Whoever may write the Maildir may write its table, as Dovecot has it; a group that we are not in stays without.
  const bool there = old.there == KeywordTable::There::table;
  (void)!::fchown(file.get(), static_cast<uid_t>(-1), there ? old.group : folder.st_gid);
  if (::fchmod(file.get(), there ? old.mode : folder.st_mode & 0666) != 0) return std::unexpected(cannot(what, errno));
  if (const auto written = delivery::write_all(files, file, 0, text); !written)
    return std::unexpected(cannot(what, written.error()));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return std::unexpected(cannot(what, errno));
  // Of two tables within a second Dovecot would read the first alone.
  const std::int64_t later_s = old.changed_s < INT64_MAX ? old.changed_s + 1 : old.changed_s;
  const timespec time{.tv_sec = std::max<std::int64_t>(status.st_mtime, later_s), .tv_nsec = 0};
  const std::array<timespec, 2> times{time, time};
  if (::futimens(file.get(), times.data()) != 0) return std::unexpected(cannot(what, errno));
  const auto synced = files.sync(file);
  return synced ? Result<>() : std::unexpected(cannot(what, synced.error()));
}

}  // namespace angarium::box
