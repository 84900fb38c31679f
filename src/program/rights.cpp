#include "program/rights.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "base/text.h"
#include "program/system.h"

namespace angarium::program {
namespace {

Error failed(const std::string& what, int number) { return {kSystem, what + ": " + strerrordesc_np(number)}; }

Result<std::string> whole(const std::string& path) {
  if (path.starts_with('/')) return path;
  const std::unique_ptr<char, void (*)(void*)> here(::get_current_dir_name(), ::free);
  if (!here) return std::unexpected(failed("the folder one stands in", errno));
  return std::string(here.get()) + "/" + path;
}

struct Place {
  std::string path;                  ///< whole, without root's links
  std::optional<struct stat> first;  ///< of the first part that is not root's; none: all of it is
};

Error anyones(const std::string& part) {
  const std::string shown = escape_controls(part, 4096);
  return {kSystem, shown +
                       " is not root's, and anyone may have made it there: the mail would be his. Name a folder in " +
                       "a directory that its owner alone writes to, such as /root/export; or, if it is meant, run " +
                       "this as the owner of " + shown};
}

Result<Place> find_place(const std::string& given, Access access) {
  std::string path = TRY(whole(given));
  // Links of root lead on; each is gone through once.
  for (int links = 0; links < 40; ++links) {
    bool followed = false;
    mode_t above = 0;
    for (std::size_t at = path.find('/', 1); !followed; at = path.find('/', at + 1)) {
      const std::string part = path.substr(0, at);
      struct stat status{};
      if (::lstat(part.c_str(), &status) != 0) {
        if (errno == ENOENT) return Place{std::move(path), std::nullopt};
        return std::unexpected(failed(escape_controls(part, 4096), errno));
      }
      if (S_ISLNK(status.st_mode) && status.st_uid != 0)
        return fail(kSystem, escape_controls(part, 4096) + " is a link that is not root's; name what it stands for");
      if (status.st_uid != 0 && access == Access::writing && (above & (S_IWGRP | S_IWOTH)) != 0)
        return std::unexpected(anyones(part));
      if (status.st_uid != 0) return Place{std::move(path), status};
      above = status.st_mode;
      if (S_ISLNK(status.st_mode)) {
        const std::unique_ptr<char, void (*)(void*)> real(::realpath(part.c_str(), nullptr), ::free);
        if (!real) return std::unexpected(failed(escape_controls(part, 4096), errno));
        path = std::string(real.get()) + (at == std::string::npos ? "" : path.substr(at));
        followed = true;
      }
      if (at == std::string::npos) break;
    }
    if (!followed) return Place{std::move(path), std::nullopt};
  }
  return fail(kSystem, escape_controls(given, 4096) + " leads through too many links");
}

}  // namespace

Result<std::string> take_owners_rights(const std::string& path, Access access) {
  if (::geteuid() != 0) return path;
  auto [real, owner] = TRY(find_place(path, access));
  if (!owner) return real;
  const passwd* const entry = ::getpwuid(owner->st_uid);
  const gid_t group = entry != nullptr ? entry->pw_gid : owner->st_gid;
  const bool grouped =
      entry != nullptr ? ::initgroups(entry->pw_name, group) == 0 : ::setgroups(1, &owner->st_gid) == 0;
  if (!grouped || ::setresgid(group, group, group) != 0 ||
      ::setresuid(owner->st_uid, owner->st_uid, owner->st_uid) != 0)
    return std::unexpected(failed("the rights of the owner of " + escape_controls(path, 4096), errno));
  return real;
}

}  // namespace angarium::program
