// An mbox file, opened safely and locked as other programs of the host lock it.
#pragma once

#include <optional>
#include <string>

#include "delivery/delivery.h"

namespace angarium::delivery {

/// How long locks are waited for: mail programs hold them while they write a whole box anew.
inline constexpr Duration kLockWait = std::chrono::seconds{30};
/// A lock file of which nobody can tell who holds it is old after this; c-client and liblockfile say 5 minutes. So is
/// one whose process' number is a younger process' now.
inline constexpr std::int64_t kDotFileStale_s = 300;
/// Octets of a lock file that are read: a number, ':' and a host name.
inline constexpr std::size_t kDotFileMax = 300;

/// The file "NAME.lock" beside NAME: made under a name of its own and linked, for that is one step on every file
/// system, NFS included. It says "process:host" as Dovecot's does; liblockfile reads the number.
class DotFile {
 public:
  enum class Taken {
    yes,
    busy,    ///< somebody else holds it
    cannot,  ///< the folder may not be written and nobody holds it: other locks have to do
  };
  DotFile(const Surroundings& surroundings, const Descriptor& folder, const std::string& name)
      : surroundings_(&surroundings), folder_(&folder), name_(name + ".lock") {}
  DotFile(DotFile&& other) noexcept
      : surroundings_(other.surroundings_),
        folder_(other.folder_),
        name_(std::move(other.name_)),
        own_(std::exchange(other.own_, std::nullopt)) {}
  DotFile& operator=(DotFile&&) = delete;
  ~DotFile() { give_up(); }

  Step<Taken> take();
  /// Whether the lock file is still the one that was made here: others remove what they take for stale.
  [[nodiscard]] bool is_ours() const;
  /// Removes it, if it is still ours.
  void give_up();

 private:
  Answer<bool> link_to(const Descriptor& file, const std::string& own_name);
  [[nodiscard]] bool is_stale(const FileFacts& facts, std::optional<std::int64_t> now_s) const;
  bool break_stale(std::optional<std::int64_t> now_s);
  [[nodiscard]] std::string unique_name() const;

  const Surroundings* surroundings_;
  const Descriptor* folder_;
  std::string name_;
  std::optional<FileFacts> own_;
};

/// The folder of a file and the file's name in it.
struct MboxPlace {
  Descriptor folder;
  std::string name;
  std::string path;
};
Step<MboxPlace> find_mbox(const std::string& path, Files& files);

/// A file that is open, regular, has one link and its old name, and is locked both ways until this object ends.
struct LockedMbox {
  DotFile dot_file;
  Descriptor file;  ///< its closing gives up the fcntl lock
  FileFacts facts;  ///< as they were once it was locked
};
/// Opens it, or makes it with mode 0600. Whoever holds one lock and cannot have the other gives up the one and begins
/// anew, so that programs that lock in the other order are never waited for in a ring. kMailboxTrouble after kLockWait,
/// and of another user's where it has to be the own one.
Step<LockedMbox> lock_mbox(const MboxPlace& place, const Surroundings& surroundings);

}  // namespace angarium::delivery
