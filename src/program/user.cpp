#include "program/user.h"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/random.h"
#include "base/text.h"
#include "drop/folder.h"
#include "fetch/seal.h"
#include "keyring/key_files.h"
#include "mua/host.h"
#include "program/system.h"
#include "store/format.h"

namespace angarium::program {
namespace {

struct Owner {
  std::string name;
  uid_t uid;
  gid_t gid;
};

Error failed(const std::string& what, int number) {
  return {kSystem, "server.user: " + what + ": " + strerrordesc_np(number)};
}

bool wanted(const configuration::Configuration& configuration) {
  return !configuration.server.user.empty() && geteuid() == 0;
}

Result<Owner> find_owner(const std::string& user) {
  const passwd* entry = getpwnam(user.c_str());
  if (entry == nullptr)
    return fail(kSystem, "server.user: there is no user '" + escape_controls(user) + "' on this host");
  return Owner{user, entry->pw_uid, entry->pw_gid};
}

/// Who may have put entries into the directory that is looked at.
enum class Maker { root, user };

/// What may be in the directory that is given: a store and its keys are made by us, and whoever names another directory
/// by mistake, or keeps other things there, must not lose them.
enum class Holds { store, keys, anything };

/// The root of a file system has it; it is root's.
constexpr std::string_view kLostAndFound = "lost+found";

/// Everything goes by descriptors that no symbolic link is followed for: the directory may be the user's already, who
/// is not trusted with root's rights.
class HandOver {
 public:
  explicit HandOver(const Owner& owner) : owner_(owner) {}

  /// The entry `name` of the open directory; one that has gone meanwhile is no error.
  Result<> give(int directory, const std::string& name, const std::string& path, Maker maker,
                Holds holds = Holds::anything, unsigned depth = 0) {
    const Descriptor entry(openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status{};
    if (entry.get() < 0 || fstat(entry.get(), &status) != 0) {
      if (errno == ENOENT) return {};
      return std::unexpected(failed("cannot look at " + path, errno));
    }
    if (S_ISLNK(status.st_mode))
      return fail(kSystem, "server.user: " + path + " is a symbolic link; put what it stands for there, or name that");
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) && !S_ISSOCK(status.st_mode))
      return fail(kSystem, "server.user: " + path + " is neither a file nor a directory");
    if (status.st_uid != 0 && status.st_uid != owner_.uid)
      return fail(kSystem, "server.user: " + path + " belongs to user " + std::to_string(status.st_uid) +
                               ", neither to root nor to " + owner_.name + "; give it to one of them");
    if (S_ISDIR(status.st_mode))
      TRY(give_entries(entry.get(), path, status.st_uid == 0 ? maker : Maker::user, holds, depth));
    if (status.st_uid == owner_.uid) return {};
    if (S_ISREG(status.st_mode) && status.st_nlink > 1 && maker == Maker::user)
      return fail(kSystem, "server.user: " + path + " is root's and has further names; it is not given away");
    if (fchownat(entry.get(), "", owner_.uid, owner_.gid, AT_EMPTY_PATH) != 0)
      return std::unexpected(failed("cannot give " + path + " to " + owner_.name, errno));
    return {};
  }

 private:
  /// The entries first: as long as the directory is root's, the user cannot change it under us.
  Result<> give_entries(int directory, const std::string& path, Maker maker, Holds holds, unsigned depth) {
    if (depth == kStoreDepthMax) return fail(kSystem, "server.user: " + path + " lies too deep for a store");
    // Of the very directory that was looked at.
    const int descriptor = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* const listing = descriptor < 0 ? nullptr : fdopendir(descriptor);
    if (listing == nullptr) return std::unexpected(failed("cannot list " + path, errno));
    std::vector<std::string> names;
    while (const dirent* entry = readdir(listing)) {
      const std::string_view found = entry->d_name;
      if (found == "." || found == ".." || (holds == Holds::store && found == kLostAndFound)) continue;
      names.emplace_back(found);
    }
    Result<> result = holds == Holds::anything ? Result<>() : check_names(descriptor, path, names, holds);
    for (const std::string& entry : names) {
      if (!result) break;
      result = give(descriptor, entry, path + "/" + entry, maker, Holds::anything, depth + 1);
    }
    closedir(listing);
    return result;
  }

  /// Before anything changes hands: what is not the user's yet is a store's.
  [[nodiscard]] Result<> check_names(int directory, const std::string& path, const std::vector<std::string>& names,
                                     Holds holds) const {
    for (const std::string& name : names) {
      struct stat status{};
      const bool ours = holds == Holds::store ? store::is_name_of_store(name) : keyring::is_name_of_keys(name);
      if (ours || fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || status.st_uid == owner_.uid)
        continue;
      return fail(kSystem,
                  "server.user: " + path + "/" + escape_controls(name) +
                      (holds == Holds::store ? " is no part of a store; nothing is given away. Is server.data right?"
                                             : " is no key of the server's; nothing is given away. Put it elsewhere."));
    }
    return {};
  }

  const Owner& owner_;
};

std::string without_end_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

/// The keys and passwords that lie in the server's own directory: others are their keeper's.
std::vector<std::string> own_keys(const configuration::Configuration& configuration) {
  std::vector<std::string> keys;
  const auto add = [&](const std::string& key) {
    const bool inside = !key.starts_with('/') || key.starts_with(configuration.directory + "/");
    const bool leaves = ("/" + key + "/").find("/../") != std::string::npos;
    if (!key.empty() && inside && !leaves) keys.push_back(configuration.resolve(key));
  };
  add(configuration.tls.key);
  for (const configuration::Certificate& pair : configuration.certificates) add(pair.key);
  for (const configuration::RelayLogin& login : configuration.relay_logins)
    add(login.password_file.empty() ? login.token_file : login.password_file);
  keys.push_back(configuration.resolve(std::string(fetch::kKeyFile)));
  return keys;
}

/// Where there is none. Who may not is no server, and is told so by what needs it.
void make_seal_key(const configuration::Configuration& configuration) {
  const std::string path = configuration.resolve(std::string(fetch::kKeyFile));
  if (exists(path) || !mua::write_new_file(path, system_random().octets(fetch::kKeyOctets), 0600)) return;
  // What is sealed with it must not outlive its name.
  const Descriptor folder(open(configuration.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0) fsync(folder.get());
}

/// Of a file that the directory's owner alone could have put there; a link stays as it is, to be judged by reading.
Result<> give_key(HandOver& hand_over, const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return hand_over.give(AT_FDCWD, path, path, Maker::user);
}

Result<> make_own(HandOver& hand_over, const std::string& path, unsigned mode, Holds holds) {
  TRY(make_directory(path, mode));
  return hand_over.give(AT_FDCWD, path, path, Maker::root, holds);
}

}  // namespace

Result<> check_readable(const configuration::Configuration& configuration) {
  if (configuration.server.user.empty()) return {};
  std::vector<std::string> files = {"angarium.toml", configuration.tls.certificate, configuration.tls.key,
                                    configuration.dns.trust_anchor};
  for (const configuration::Certificate& pair : configuration.certificates) {
    files.push_back(pair.certificate);
    files.push_back(pair.key);
  }
  for (const configuration::RelayLogin& login : configuration.relay_logins) {
    files.push_back(login.password_file);
    files.push_back(login.token_file);
  }
  for (const std::string& file : files) {
    const std::string path = configuration.resolve(file);
    if (!file.empty() && access(path.c_str(), R_OK) != 0)
      return std::unexpected(failed(configuration.server.user + " cannot read " + path, errno));
  }
  return {};
}

Result<> hand_over(const configuration::Configuration& configuration) {
  if (!wanted(configuration)) return {};
  const Owner owner = TRY(find_owner(configuration.server.user));
  if (owner.uid == 0) return {};
  HandOver hand_over(owner);
  TRY(make_own(hand_over, without_end_slashes(configuration.resolve(configuration.server.data)), 0700, Holds::store));
  TRY(make_own(hand_over, without_end_slashes(configuration.resolve("run")), 0755, Holds::anything));
  // Where mail is encrypted, or was.
  const std::string keys = configuration.resolve("keys");
  if (configuration.store.encryption || exists(keys + "/" + std::string(keyring::kKeysFile)))
    TRY(make_own(hand_over, keys, 0700, Holds::keys));
  for (const std::string& key : own_keys(configuration)) TRY(give_key(hand_over, key));
  return {};
}

Result<> make_drop_folder(const configuration::Configuration& configuration) {
  Owner owner{.name = {}, .uid = geteuid(), .gid = getegid()};
  if (wanted(configuration)) owner = TRY(find_owner(configuration.server.user));
  const std::string folder = configuration.resolve("drop");
  TRY(make_directory(folder, 0700));
  // Closed until it is ours, and never what a link stands for.
  const Descriptor open_folder(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (open_folder.get() < 0) return std::unexpected(failed("cannot open " + folder, errno));
  if (mkdirat(open_folder.get(), std::string(drop::kBadFolder).c_str(), 0700) != 0 && errno != EEXIST)
    return std::unexpected(failed("cannot make " + folder + "/" + std::string(drop::kBadFolder), errno));
  const Descriptor bad(openat(open_folder.get(), std::string(drop::kBadFolder).c_str(),
                              O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  for (const int directory : {bad.get(), open_folder.get()}) {
    struct stat status{};
    if (directory < 0 || fstat(directory, &status) != 0)
      return std::unexpected(failed("cannot look into " + folder, errno));
    if (status.st_uid != owner.uid && fchown(directory, owner.uid, owner.gid) != 0)
      return std::unexpected(failed("cannot give " + folder + " to its user", errno));
  }
  if (fchmod(open_folder.get(), drop::kFolderMode) != 0)
    return std::unexpected(failed("cannot open " + folder + " to all", errno));
  return {};
}

Result<Descriptor> open_servants_folder(const configuration::Configuration& configuration) {
  Owner owner{.name = {}, .uid = geteuid(), .gid = getegid()};
  if (wanted(configuration)) owner = TRY(find_owner(configuration.server.user));
  TRY(make_directory(configuration.resolve("run"), 0755));
  const std::string path = configuration.resolve("run/servants");
  TRY(make_directory(path, 0700));
  Descriptor folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (folder.get() < 0 || fstat(folder.get(), &status) != 0)
    return std::unexpected(failed("cannot open " + path, errno));
  if (status.st_uid != owner.uid && fchown(folder.get(), owner.uid, owner.gid) != 0)
    return std::unexpected(failed("cannot give " + path + " to its user", errno));
  return folder;
}

Result<> become_server_user(const configuration::Configuration& configuration) {
  make_seal_key(configuration);
  if (wanted(configuration)) {
    TRY(hand_over(configuration));
    TRY(become(configuration.server.user));
  }
  // Who becomes another user has it as the host says for those (fs.suid_dumpable), so this is last.
  return leave_no_core_file();
}

}  // namespace angarium::program
