#include "cage/host.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/text.h"

namespace angarium::cage {
namespace {

/// An entry of the user or group database; larger ones are no entries of people.
constexpr std::size_t kEntryMax = std::size_t{1} << 20;
/// Groups of one user: NGROUPS_MAX of Linux.
constexpr int kGroupsMax = 65536;

std::unexpected<Error> failed(std::string_view what, int code) {
  return fail(kUnavailable, std::string(what) + ": " + strerrordesc_np(code));
}

/// "Not found" in the several words that C libraries and their modules have for it (getpwnam(3)).
bool means_nobody(int code) { return code == 0 || code == ENOENT || code == ESRCH || code == EBADF || code == EPERM; }

Result<std::vector<gid_t>> groups_of(const User& user) {
  std::vector<gid_t> groups(64);
  auto count = static_cast<int>(groups.size());
  while (::getgrouplist(user.name.c_str(), user.gid, groups.data(), &count) < 0) {
    if (count > kGroupsMax) return fail(kUnavailable, "the user has too many groups");
    groups.resize(std::max(static_cast<std::size_t>(count), groups.size() * 2));
    count = static_cast<int>(groups.size());
  }
  groups.resize(static_cast<std::size_t>(count));
  // Root's group is nobody's who gets mail.
  std::erase(groups, gid_t{0});
  return groups;
}

/// Nothing: there is no such group.
std::optional<gid_t> group_id(const std::string& name) {
  std::string buffer(1024, '\0');
  group entry{};
  group* found = nullptr;
  int code = 0;
  while ((code = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found)) == ERANGE &&
         buffer.size() < kEntryMax)
    buffer.resize(buffer.size() * 2);
  if (code != 0 || found == nullptr || found->gr_gid == 0) return std::nullopt;
  return found->gr_gid;
}

class SystemHost final : public Host {
 public:
  Result<std::optional<User>> find_user(const std::string& name) override {
    if (!plausible_user_name(name)) return std::nullopt;
    std::string buffer(1024, '\0');
    passwd entry{};
    passwd* found = nullptr;
    int code = 0;
    while ((code = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found)) == ERANGE &&
           buffer.size() < kEntryMax)
      buffer.resize(buffer.size() * 2);
    if (found == nullptr) {
      if (means_nobody(code)) return std::nullopt;
      return failed("the users of this host cannot be asked", code);
    }
    // Some services answer to other names of the same user (a uid, a mail address): only its own is an address here.
    if (!equals_ignore_case(found->pw_name, name)) return std::nullopt;
    User user{.name = found->pw_name, .uid = found->pw_uid, .gid = found->pw_gid, .home = {}, .full_name = {}};
    user.home = found->pw_dir != nullptr && found->pw_dir[0] == '/' ? found->pw_dir : "/";
    std::string_view gecos = found->pw_gecos == nullptr ? "" : found->pw_gecos;
    user.full_name = take_until(gecos, ',');
    return user;
  }

  Result<Verdict> check_password(const User& user, const sasl::Secret& password, const std::string& remote) override {
    return check_by_pam(user, password, remote);
  }

  Result<> become(const User& user, const std::string& further) override {
    if (user.uid == 0 || user.gid == 0) return fail(kUnavailable, "nothing is done as root");
    if (::geteuid() != 0) {
      if (::geteuid() == user.uid && ::getuid() == user.uid) return {};
      return fail(kUnavailable, "the server was not started by root: it can do nothing as " + user.name);
    }
    std::vector<gid_t> groups = TRY(groups_of(user));
    if (!further.empty())
      if (const auto group = group_id(further)) groups.push_back(*group);
    if (::setgroups(groups.size(), groups.data()) != 0 || ::setresgid(user.gid, user.gid, user.gid) != 0 ||
        ::setresuid(user.uid, user.uid, user.uid) != 0)
      return failed("cannot become " + user.name, errno);
    if (::setuid(0) == 0 || ::getuid() != user.uid || ::geteuid() != user.uid || ::getegid() != user.gid)
      return fail(kUnavailable, "root could be regained after becoming " + user.name);
    return {};
  }
};

}  // namespace

Host& system_host() {
  static SystemHost host;
  return host;
}

}  // namespace angarium::cage
