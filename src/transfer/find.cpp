#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <system_error>

#include "base/text.h"
#include "delivery/files.h"
#include "message/mbox.h"
#include "transfer/name.h"
#include "transfer/source.h"

namespace angarium::transfer {
namespace {

namespace files = std::filesystem;

/// Octets that show whether a file is an mbox.
constexpr std::size_t kHeadOctets = 4096;

bool is_folder(const files::path& path) {
  std::error_code ignored;
  return files::is_directory(path, ignored);
}
bool is_file(const files::path& path) {
  std::error_code ignored;
  return files::is_regular_file(path, ignored);
}

bool is_maildir(const files::path& path) {
  return is_folder(path / "cur") && (is_folder(path / "new") || is_folder(path / "tmp"));
}

/// With root's rights nothing is followed that another user may change meanwhile: links, and folders with links in
/// them.
bool leads_root_astray(const files::path& path) {
  struct stat status{};
  if (::geteuid() != 0 || ::lstat(path.c_str(), &status) != 0 || status.st_uid == 0) return false;
  return S_ISLNK(status.st_mode) || S_ISDIR(status.st_mode);
}

/// "Sent" of "Sent.mbox".
std::string_view without_ending(std::string_view name) {
  for (const std::string_view ending : {".mbox", ".mbx"})
    if (name.size() > ending.size() && name.ends_with(ending)) return name.substr(0, name.size() - ending.size());
  return name;
}

std::string own_level(std::string_view name) {
  const std::string level = level_from(without_ending(name));
  return equals_ignore_case(level, mailbox::kInbox) ? std::string(mailbox::kInbox) : level;
}

/// Whether it begins as an mbox; an empty file is one.
Result<bool> is_mbox(const files::path& path) {
  const delivery::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return std::unexpected(place_error(errno, "open", path.native()));
  std::array<char, kHeadOctets> head{};
  const ssize_t got = ::pread(file.get(), head.data(), head.size(), 0);
  if (got < 0) return std::unexpected(place_error(errno, "read", path.native()));
  if (got == 0) return true;
  message::MboxDetector detector;
  detector.feed(std::string_view(head.data(), static_cast<std::size_t>(got)));
  return detector.variant().has_value();
}

class Search {
 public:
  Found found;

  void look(const files::path& folder, const std::string& name, unsigned depth) {
    std::error_code error;
    const files::path real = files::canonical(folder, error);
    if (error || depth > kFolderDepthMax) {
      found.passed_over.push_back({folder.native(), error ? error.message() : "lies too deep"});
      return;
    }
    if (!visited_.insert(real.native()).second) return;
    const std::vector<std::string> entries = list(folder);
    const bool maildir = is_maildir(folder);
    if (maildir) add(Folder::Form::maildir, name.empty() ? std::string(mailbox::kInbox) : name, folder);
    for (const std::string& entry : entries) {
      const files::path path = folder / entry;
      if (leads_root_astray(path))
        found.passed_over.push_back({path.native(), "belongs to another user; import it by itself, with his rights"});
      else if (is_folder(path))
        look_into(path, entry, name, maildir, depth);
      else if (!maildir && is_file(path) && !is_control_file(entry))
        look_at_file(path, below(name, own_level(entry)));
    }
  }

 private:
  void look_into(const files::path& path, std::string_view entry, const std::string& name, bool in_maildir,
                 unsigned depth) {
    if (in_maildir && (entry == "cur" || entry == "new" || entry == "tmp")) return;
    if (entry.starts_with('.')) {
      // Maildir++: ".lists.announce".
      if (is_maildir(path)) add(Folder::Form::maildir, below(name, dotted(entry.substr(1))), path);
      return;
    }
    if (is_control_file(entry)) return;
    if (entry.ends_with(".mbox") && is_file(path / "mbox"))
      return look_at_file(path / "mbox", below(name, own_level(entry)));
    // Thunderbird keeps what is below "lists" in "lists.sbd".
    if (entry.ends_with(".sbd")) entry.remove_suffix(4);
    look(path, below(name, own_level(entry)), depth + 1);
  }

  static std::string dotted(std::string_view entry) {
    std::string name;
    while (!entry.empty()) name = below(name, level_from(take_until(entry, '.')));
    return name;
  }

  void look_at_file(const files::path& path, const std::string& name) {
    const auto mbox = is_mbox(path);
    if (!mbox)
      found.passed_over.push_back({path.native(), mbox.error().text()});
    else if (!*mbox)
      found.passed_over.push_back({path.native(), "is no mbox file"});
    else
      add(Folder::Form::mbox, name, path);
  }

  void add(Folder::Form form, std::string name, const files::path& path) {
    found.folders.push_back({.form = form, .name = std::move(name), .path = path.native()});
  }

  std::vector<std::string> list(const files::path& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (files::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
      if (names.size() == kEntriesMax) {
        found.passed_over.push_back({folder.native(), "holds too many entries; only some were looked at"});
        break;
      }
      names.push_back(at->path().filename().native());
    }
    if (error) found.passed_over.push_back({folder.native(), error.message()});
    std::ranges::sort(names);
    return names;
  }

  std::set<std::string> visited_;
};

/// Of a file that is a source by itself.
std::string name_of_file(const files::path& path) {
  const std::string above = path.parent_path().native();
  if (above == "/var/mail" || above == "/var/spool/mail") return std::string(mailbox::kInbox);
  return own_level(path.filename().native());
}

}  // namespace

Error place_error(int number, std::string_view what, std::string_view path) {
  return {kPlace, std::string(what) + " " + escape_controls(path, 4096) + ": " + std::string(strerrordesc_np(number))};
}

void sort_folders(std::vector<Folder>& folders) {
  std::ranges::sort(folders, [](const Folder& a, const Folder& b) {
    const auto rank = [](const Folder& one) { return one.name == mailbox::kInbox ? 0 : 1; };
    return std::tuple(rank(a), std::string_view(a.name), std::string_view(a.path)) <
           std::tuple(rank(b), std::string_view(b.name), std::string_view(b.path));
  });
}

Result<Found> find_folders(const std::string& path) {
  std::error_code error;
  const files::path root = files::canonical(path, error);
  if (error) return fail(kPlace, escape_controls(path, 4096) + ": " + error.message());
  Search search;
  if (is_folder(root)) {
    if (::access(root.c_str(), R_OK | X_OK) != 0) return std::unexpected(place_error(errno, "open", path));
    search.look(root, "", 0);
  } else if (is_file(root)) {
    if (!TRY(is_mbox(root))) return fail(kPlace, escape_controls(path, 4096) + " is no mbox file");
    search.found.folders.push_back({.form = Folder::Form::mbox, .name = name_of_file(root), .path = root.native()});
  } else {
    return fail(kPlace, escape_controls(path, 4096) + " is neither a file nor a folder");
  }
  sort_folders(search.found.folders);
  return std::move(search.found);
}

Result<std::unique_ptr<Reader>> open_folder(const Folder& folder, const Fingerprint& seed) {
  return folder.form == Folder::Form::mbox ? open_mbox(folder.path, seed, folder.others)
                                           : open_maildir(folder.path, seed);
}

Result<Found> LocalSource::find() { return find_folders(path_); }

Result<std::unique_ptr<Reader>> LocalSource::open(const Folder& folder, const Fingerprint& seed) {
  return open_folder(folder, seed);
}

bool LocalSource::single(const Found& found) const {
  return found.folders.size() == 1 && found.folders.front().form == Folder::Form::mbox;
}

}  // namespace angarium::transfer
