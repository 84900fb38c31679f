#include "delivery/mbox_lock.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/text.h"

namespace angarium::delivery {
namespace {

/// Between two looks at a lock: short enough for small boxes, and never in step with another waiting program.
constexpr Duration kPauseMin = std::chrono::milliseconds{20};
constexpr std::uint64_t kPauseSpread_us = 180'000;

bool folder_is_closed(int code) { return code == EACCES || code == EPERM || code == EROFS; }

struct Holder {
  std::uint64_t process;
  std::string_view host;  ///< empty: not told
};

/// "12", "12:host", either with a line end. Nothing for "0" of procmail and all else.
std::optional<Holder> parse_holder(std::string_view text) {
  text = trim(take_until(text, '\n'));
  const std::optional<std::uint64_t> process = parse_number<std::uint64_t>(trim(take_until(text, ':')));
  if (!process || *process == 0 || *process > INT_MAX) return std::nullopt;
  return Holder{.process = *process, .host = trim(text)};
}

Answer<Descriptor> open_or_create(Files& files, const MboxPlace& place) {
  Answer<Descriptor> file = files.open(place.folder, place.name);
  if (file || file.error() != ENOENT) return file;
  file = files.create(place.folder, place.name, 0600);
  if (!file && file.error() == EEXIST) return files.open(place.folder, place.name);
  return file;
}

Step<> check_kind(const FileFacts& facts, const std::string& path) {
  if (facts.kind != FileFacts::Kind::regular)
    return fail(kWronglyConfigured, escape_controls(path) + " is no regular file");
  if (facts.links > 1) return fail(kWronglyConfigured, escape_controls(path) + " has a second name (hard link)");
  return {};
}

/// Before any lock is taken on it.
Step<> check_owner(const Descriptor& file, const MboxPlace& place, Files& files) {
  const Answer<FileFacts> facts = files.facts(file);
  if (!facts) return fail_system(facts.error(), "examine", place.path);
  if (facts->owner != ::geteuid())
    return fail(kMailboxTrouble, escape_controls(place.path) + " belongs to another user");
  return {};
}

/// One attempt: nothing when somebody holds a lock, or the file was replaced while we waited.
Step<std::optional<LockedMbox>> try_lock(const MboxPlace& place, const Surroundings& surroundings) {
  Files& files = surroundings.files;
  Answer<Descriptor> file = open_or_create(files, place);
  if (!file && file.error() == ELOOP)
    return fail(kWronglyConfigured, escape_controls(place.path) + " is a symbolic link");
  if (!file) return fail_system(file.error(), "open", place.path);
  if (surroundings.own_only) TRY(check_owner(*file, place, files));
  if (const Answer<> locked = files.lock(*file); !locked) {
    if (locked.error() == EAGAIN) return std::nullopt;
    return fail_system(locked.error(), "lock", place.path);
  }
  DotFile dot_file(surroundings, place.folder, place.name);
  if (TRY(dot_file.take()) == DotFile::Taken::busy) return std::nullopt;
  const Answer<FileFacts> facts = files.facts(*file);
  if (!facts) return fail_system(facts.error(), "examine", place.path);
  const Answer<FileFacts> named = files.facts(place.folder, place.name);
  if (!named && named.error() != ENOENT) return fail_system(named.error(), "examine", place.path);
  if (!named || !named->same_file(*facts)) return std::nullopt;
  TRY(check_kind(*facts, place.path));
  return LockedMbox{.dot_file = std::move(dot_file), .file = *std::move(file), .facts = *facts};
}

}  // namespace

std::string DotFile::unique_name() const { return fmt::format(".lk{:016x}", surroundings_->random.number()); }

Step<DotFile::Taken> DotFile::take() {
  Files& files = surroundings_->files;
  const std::string own_name = unique_name();
  const Answer<Descriptor> file = files.create(*folder_, own_name, 0644);
  if (!file && file.error() == EEXIST) return Taken::busy;  // a name for the next attempt
  if (!file && folder_is_closed(file.error())) {
    const Answer<FileFacts> other = files.facts(*folder_, name_);
    return other && !is_stale(*other, std::nullopt) ? Taken::busy : Taken::cannot;
  }
  if (!file) return fail_system(file.error(), "make a lock file for", name_);
  const Answer<bool> linked = link_to(*file, own_name);
  const Answer<> removed = files.remove(*folder_, own_name);
  if (!linked) return fail_system(linked.error(), "make", name_);
  if (!*linked) return Taken::busy;
  if (!removed) return fail_system(removed.error(), "remove", own_name);
  return Taken::yes;
}

Answer<bool> DotFile::link_to(const Descriptor& file, const std::string& own_name) {
  Files& files = surroundings_->files;
  const Answer<> written = write_all(files, file, 0, fmt::format("{}:{}", surroundings_->process, surroundings_->host));
  if (!written) return std::unexpected(written.error());
  for (int attempt = 0; attempt < 2; ++attempt) {
    const Answer<> linked = files.link(*folder_, own_name, *folder_, name_);
    const Answer<FileFacts> facts = files.facts(file);
    // The answer of an NFS server may be lost: two links are the proof.
    if (linked || (facts && facts->links == 2)) {
      if (!facts) {
        files.remove(*folder_, name_);
        return std::unexpected(facts.error());
      }
      own_ = *facts;
      return true;
    }
    if (linked.error() != EEXIST) return std::unexpected(linked.error());
    if (!facts || !break_stale(facts->changed_s)) return false;
  }
  return false;
}

bool DotFile::is_stale(const FileFacts& facts, std::optional<std::int64_t> now_s) const {
  if (facts.kind != FileFacts::Kind::regular) return false;
  Files& files = surroundings_->files;
  if (const Answer<Descriptor> file = files.open(*folder_, name_)) {
    const Answer<std::string> text = files.read(*file, 0, kDotFileMax);
    const std::optional<Holder> holder = text ? parse_holder(*text) : std::nullopt;
    if (holder && (holder->host.empty() || holder->host == surroundings_->host)) {
      // We hold the fcntl lock, that our own deliveries take first: our number here was left behind.
      if (holder->process == surroundings_->process) return true;
      const std::optional<std::int64_t> began = files.process_began(holder->process);
      if (!began) return true;
      // A process that is younger than the file has only the number of who made it, as after a restart of the host.
      if (*began <= facts.changed_s) return false;
    }
  }
  if (!now_s) now_s = surroundings_->clock.wall().seconds();
  return *now_s - facts.changed_s > kDotFileStale_s;
}

/// Moves a lock file that nobody holds any more out of the way. Between the look and the move another program may have
/// made its own: it gets it back.
bool DotFile::break_stale(std::optional<std::int64_t> now_s) {
  Files& files = surroundings_->files;
  const Answer<FileFacts> seen = files.facts(*folder_, name_);
  if (!seen) return seen.error() == ENOENT;
  if (!is_stale(*seen, now_s)) return false;
  const std::string aside = unique_name();
  if (!files.rename(*folder_, name_, *folder_, aside)) return false;
  const Answer<FileFacts> moved = files.facts(*folder_, aside);
  if (!moved || !moved->same_file(*seen)) {
    files.rename(*folder_, aside, *folder_, name_);
    return false;
  }
  files.remove(*folder_, aside);
  return true;
}

bool DotFile::is_ours() const {
  const Answer<FileFacts> facts = surroundings_->files.facts(*folder_, name_);
  return own_ && facts && facts->same_file(*own_);
}

void DotFile::give_up() {
  if (!own_) return;
  Files& files = surroundings_->files;
  const FileFacts own = *std::exchange(own_, std::nullopt);
  for (int attempt = 0; attempt < 2; ++attempt) {
    const Answer<FileFacts> facts = files.facts(*folder_, name_);
    if (!facts && facts.error() != ENOENT) continue;
    if (!facts || !facts->same_file(own) || files.remove(*folder_, name_)) return;
  }
}

Step<MboxPlace> find_mbox(const std::string& path, Files& files) {
  const std::size_t slash = path.rfind('/');
  const std::string folder_path = slash == 0 ? "/" : path.substr(0, slash);
  Answer<Descriptor> folder = files.open_folder(folder_path);
  if (!folder) return fail_system(folder.error(), "open", folder_path);
  return MboxPlace{.folder = *std::move(folder), .name = path.substr(slash + 1), .path = path};
}

Step<LockedMbox> lock_mbox(const MboxPlace& place, const Surroundings& surroundings) {
  const Moment deadline = surroundings.clock.now() + kLockWait;
  while (true) {
    std::optional<LockedMbox> locked = TRY(try_lock(place, surroundings));
    if (locked) return *std::move(locked);
    if (surroundings.clock.now() >= deadline)
      return fail(kMailboxTrouble, fmt::format("{} is locked by another program", escape_controls(place.path)));
    surroundings.files.pause(kPauseMin +
                             Duration(static_cast<std::int64_t>(surroundings.random.below(kPauseSpread_us))));
  }
}

}  // namespace angarium::delivery
