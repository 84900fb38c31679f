#include "location/location.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>

#include "base/descriptor.h"
#include "base/text.h"
#include "box/box.h"
#include "mailbox/name.h"
#include "protocol/imap/mailbox_name.h"
#include "transfer/name.h"
#include "transfer/source.h"

namespace angarium::location {
namespace {

namespace files = std::filesystem;

Error cannot(std::string_view what, const std::string& path, int number) {
  return {kTrouble, "cannot " + std::string(what) + " " + path + ": " + strerrordesc_np(number)};
}

/// Folders of mbox files are told from the files by their ending: both may have the same mailbox' name.
constexpr std::string_view kFolderEnding = ".sbd";

/// Names that a box cannot have: those of files beside boxes, our journals among them, and endings that are taken off
/// when a box is found.
bool is_beside_boxes(std::string_view name) {
  constexpr std::string_view kEndings[] = {kFolderEnding, ".mbox", ".mbx", ".rewrite", ".aside"};
  return transfer::is_control_file(name) || name.contains(".rewrite.") ||
         std::ranges::any_of(kEndings, [&](std::string_view one) { return name.ends_with(one); });
}

/// A level of a name as a part of a path; nothing where the path would not be found as that name again.
std::optional<std::string> part_of(const Location& location, std::string_view level) {
  if (equals_ignore_case(level, mailbox::kInbox)) return std::nullopt;
  if (location.form == Location::Form::maildir) {
    const std::string part = protocol::imap::to_modified_utf7(level);
    return level.contains('.') || transfer::level_from(part) != level ? std::nullopt : std::optional(part);
  }
  if (is_beside_boxes(level) || transfer::level_from(level) != level) return std::nullopt;
  return std::string(level);
}

/// A new Maildir's folders, or an empty file; made durable with the folder above.
Result<> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return std::unexpected(cannot("make", path, errno));
  return {};
}

Result<> sync_folder(const std::string& path) {
  const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) return std::unexpected(cannot("sync", path, errno));
  return {};
}

std::string above(const std::string& path) { return files::path(path).parent_path().native(); }

/// The folders between the location's own and the box; the location itself must be there.
Result<> make_way(const Location& location, const std::string& path) {
  std::error_code error;
  const std::string folder = above(path);
  if (location.folders.empty() || !folder.starts_with(location.folders) || folder == location.folders) return {};
  files::create_directories(folder, error);
  if (error) return std::unexpected(cannot("make", folder, error.value()));
  return sync_folder(above(folder));
}

Result<std::vector<Found>> found_in(const std::string& root, bool with_inbox) {
  const auto folders = transfer::find_folders(root);
  if (!folders) return fail(kTrouble, folders.error().text());
  std::error_code error;
  const std::string real = files::canonical(root, error).native();
  if (error) return std::unexpected(cannot("look at", root, error.value()));
  std::vector<Found> boxes;
  std::set<std::string> seen;
  for (const transfer::Folder& folder : folders->folders) {
    auto name = mailbox::canonical_name(folder.name);
    // Of two boxes that would have one name the first counts; names that cannot be ours are not shown.
    if (!name || (!with_inbox && *name == mailbox::kInbox) || !seen.insert(*name).second) continue;
    // As the location names it, whatever links lead there.
    if (!folder.path.starts_with(real)) continue;
    boxes.push_back({*std::move(name), root + folder.path.substr(real.size())});
  }
  return boxes;
}

}  // namespace

Result<> check_owner(const Location& location) {
  struct stat status{};
  const std::string& path =
      location.form == Location::Form::mbox && !location.folders.empty() ? location.folders : location.inbox;
  if (::stat(path.c_str(), &status) != 0 || status.st_uid == ::geteuid()) return {};
  return fail(kTrouble, path + " belongs to user " + std::to_string(status.st_uid) + ", and the server runs as " +
                            std::to_string(::geteuid()) + ": its mail stays in the own store");
}

Result<std::vector<Found>> find_boxes(const Location& location) {
  if (location.form == Location::Form::maildir) return found_in(location.inbox, true);
  std::vector<Found> boxes;
  struct stat status{};
  if (::stat(location.inbox.c_str(), &status) == 0)
    boxes.push_back({std::string(mailbox::kInbox), location.inbox});
  else if (errno != ENOENT || ::stat(above(location.inbox).c_str(), &status) != 0)
    return std::unexpected(cannot("look at", location.inbox, errno));
  if (location.folders.empty()) return boxes;
  for (Found& found : TRY(found_in(location.folders, false)))
    if (found.path != location.inbox) boxes.push_back(std::move(found));
  return boxes;
}

std::string path_of(const Location& location, std::string_view mailbox) {
  if (mailbox == mailbox::kInbox) return location.inbox;
  const bool maildir = location.form == Location::Form::maildir;
  if (!maildir && location.folders.empty()) return "";
  std::string path = maildir ? location.inbox + "/" : location.folders;
  for (std::string_view rest = mailbox; !rest.empty();) {
    const auto part = part_of(location, take_until(rest, mailbox::kSeparator));
    if (!part) return "";
    path += maildir ? "." + *part : "/" + *part + std::string(rest.empty() ? "" : kFolderEnding);
  }
  return path;
}

bool is_in(const Location& location, const std::string& path) {
  const std::string& root = location.form == Location::Form::maildir ? location.inbox : location.folders;
  return path == location.inbox || (!root.empty() && path.starts_with(root + "/"));
}

Result<> make_box(const Location& location, const std::string& path, Owner owner) {
  TRY(make_way(location, path));
  if (location.form == Location::Form::maildir) {
    TRY(make_folder(path));
    for (const char* const part : {"/tmp", "/new", "/cur"}) TRY(make_folder(path + part));
    if (path != location.inbox) {
      const Descriptor mark(
          ::open((path + "/maildirfolder").c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
      if (mark.get() < 0) return std::unexpected(cannot("mark", path, errno));
    }
    TRY(sync_folder(path));
  } else {
    // A FIFO would wait for its reader.
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
    struct stat status{};
    if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return std::unexpected(cannot("make", path, errno));
    if (!S_ISREG(status.st_mode)) return fail(kTrouble, path + " is no file of mail");
    if (owner == Owner::self && status.st_uid != ::geteuid()) return fail(kTrouble, path + " belongs to another user");
  }
  return sync_folder(above(path));
}

Result<> rename_box(const Location& location, const std::string& from, const std::string& to) {
  TRY(make_way(location, to));
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0)
    return std::unexpected(cannot("rename to " + to + " the box", from, errno));
  TRY(sync_folder(above(from)));
  return sync_folder(above(to));
}

Result<> remove_box(const Location& location, const std::string& path) {
  if (location.form == Location::Form::mbox) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0 && errno == ENOENT) return {};
    if (status.st_size != 0) return fail(kTrouble, path + " has mail in it");
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return std::unexpected(cannot("remove", path, errno));
    return sync_folder(above(path));
  }
  if (box::has_mail(path)) return fail(kTrouble, path + " has mail in it");
  // rmdir() removes nothing that came in meanwhile; what else lies in the folder keeps it. A box without "new" is one
  // still, into which mail is delivered.
  for (const char* const part : {"/new", "/cur", "/tmp"})
    if (::rmdir((path + part).c_str()) != 0 && errno != ENOENT)
      return std::unexpected(cannot("remove", path + part, errno));
  std::error_code ignored;
  for (const auto& entry : files::directory_iterator(path, ignored)) {
    const std::string name = entry.path().filename().native();
    if (name == "maildirfolder" || name.starts_with("dovecot")) files::remove(entry.path(), ignored);
  }
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) return std::unexpected(cannot("remove", path, errno));
  return sync_folder(above(path));
}

}  // namespace angarium::location
