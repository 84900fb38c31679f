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

/// Of the first part that is not root's; none: all of it is.
Result<std::optional<struct stat>> first_owner(const std::string& given) {
  std::string path = TRY(whole(given));
  // Links of root lead on; each is gone through once.
  for (int links = 0; links < 40; ++links) {
    bool followed = false;
    for (std::size_t at = path.find('/', 1); !followed; at = path.find('/', at + 1)) {
      const std::string part = path.substr(0, at);
      struct stat status{};
      if (::lstat(part.c_str(), &status) != 0) {
        if (errno == ENOENT) return std::nullopt;
        return std::unexpected(failed(escape_controls(part, 4096), errno));
      }
      if (S_ISLNK(status.st_mode) && status.st_uid != 0)
        return fail(kSystem, escape_controls(part, 4096) + " is a link that is not root's; name what it stands for");
      if (status.st_uid != 0) return status;
      if (S_ISLNK(status.st_mode)) {
        const std::unique_ptr<char, void (*)(void*)> real(::realpath(part.c_str(), nullptr), ::free);
        if (!real) return std::unexpected(failed(escape_controls(part, 4096), errno));
        path = std::string(real.get()) + (at == std::string::npos ? "" : path.substr(at));
        followed = true;
      }
      if (at == std::string::npos) break;
    }
    if (!followed) return std::nullopt;
  }
  return fail(kSystem, escape_controls(given, 4096) + " leads through too many links");
}

}  // namespace

Result<> take_owners_rights(const std::string& path) {
  if (::geteuid() != 0) return {};
  const auto owner = TRY(first_owner(path));
  if (!owner) return {};
  const passwd* const entry = ::getpwuid(owner->st_uid);
  const gid_t group = entry != nullptr ? entry->pw_gid : owner->st_gid;
  const bool grouped =
      entry != nullptr ? ::initgroups(entry->pw_name, group) == 0 : ::setgroups(1, &owner->st_gid) == 0;
  if (!grouped || ::setresgid(group, group, group) != 0 ||
      ::setresuid(owner->st_uid, owner->st_uid, owner->st_uid) != 0)
    return std::unexpected(failed("the rights of the owner of " + escape_controls(path, 4096), errno));
  return {};
}

}  // namespace angarium::program
