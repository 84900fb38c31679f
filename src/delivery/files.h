// The file system calls that targets make: the one seam between this room and the disk. Bodies: local (the host's
// own), faulty (files_faulty.h: fails the n-th call, runs full, forgets what was not synced).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/time.h"

namespace angarium::delivery {

using angarium::Descriptor;

/// A value or errno. Calls that a signal interrupted are made again by the body.
template <class T = void>
using Answer = std::expected<T, int>;

struct FileFacts {
  enum class Kind : std::uint8_t { regular, folder, link, other };
  Kind kind = Kind::other;
  std::uint64_t device = 0;
  std::uint64_t number = 0;  ///< of the inode
  std::uint64_t links = 0;
  std::uint64_t size = 0;
  std::uint64_t owner = 0;     ///< user id
  std::int64_t changed_s = 0;  ///< modification time by the clock of the file system, seconds since 1970
  [[nodiscard]] bool same_file(const FileFacts& other) const {
    return device == other.device && number == other.number;
  }
};

/// All names are relative to an open folder and never followed when they are symbolic links. Any thread.
class Files {
 public:
  virtual ~Files() = default;

  /// A folder by its path, whose own components may be links; for the other calls. Not made.
  virtual Answer<Descriptor> open_folder(const std::string& path) = 0;
  virtual Answer<Descriptor> open_folder(const Descriptor& folder, const std::string& name) = 0;
  /// 0700. EEXIST when there is anything of that name.
  virtual Answer<> make_folder(const Descriptor& folder, const std::string& name) = 0;
  /// For reading and writing; ELOOP for a symbolic link. Never blocks on what is no regular file.
  virtual Answer<Descriptor> open(const Descriptor& folder, const std::string& name) = 0;
  /// A new file; EEXIST when there is anything of that name.
  virtual Answer<Descriptor> create(const Descriptor& folder, const std::string& name, unsigned mode) = 0;
  /// A new file that never has a name, in $TMPDIR or /var/tmp, or in memory where that folder takes none; it ends with
  /// its last descriptor. 0444: whoever is given one may open it again, for reading alone.
  virtual Answer<Descriptor> create_unnamed() = 0;
  /// The same file once more, from its beginning, not for writing.
  virtual Answer<Descriptor> open_for_reading(const Descriptor& file) = 0;
  virtual Answer<FileFacts> facts(const Descriptor& file) = 0;
  virtual Answer<FileFacts> facts(const Descriptor& folder, const std::string& name) = 0;
  /// At most `count` octets from `offset`; fewer at the end of the file only.
  virtual Answer<std::string> read(const Descriptor& file, std::uint64_t offset, std::size_t count) = 0;
  /// Writes a part of `octets`, at least one, and tells how many.
  virtual Answer<std::size_t> write(const Descriptor& file, std::uint64_t offset, std::string_view octets) = 0;
  /// One write at the end of a file that exists and that others append to without locks.
  virtual Answer<> append(const Descriptor& folder, const std::string& name, std::string_view octets) = 0;
  virtual Answer<> truncate(const Descriptor& file, std::uint64_t size) = 0;
  /// Makes a file's content and size, or a folder's names, durable.
  virtual Answer<> sync(const Descriptor& file) = 0;
  /// Takes the fcntl lock for writing of a whole file, for this description of it alone, so that threads exclude
  /// each other, too, and no other close() of the file gives it up; EAGAIN when somebody has it. Process locks of
  /// others (F_SETLK, lockf) are in conflict with it. Given up with the descriptor.
  virtual Answer<> lock(const Descriptor& file) = 0;
  virtual Answer<> link(const Descriptor& from, const std::string& name, const Descriptor& to,
                        const std::string& new_name) = 0;
  /// Nothing of the new name is replaced: EEXIST.
  virtual Answer<> rename(const Descriptor& from, const std::string& name, const Descriptor& to,
                          const std::string& new_name) = 0;
  virtual Answer<> remove(const Descriptor& folder, const std::string& name) = 0;
  /// Names in a folder without "." and "..", at most so many, in no order.
  virtual Answer<std::vector<std::string>> list(const Descriptor& folder, std::size_t max) = 0;

  /// Waits: for locks.
  virtual void pause(Duration duration) = 0;
  /// When the process of this number on this host began, in seconds since 1970 by the host's clock; 0 when it runs and
  /// nobody may know since when. Nothing: no such process runs.
  virtual std::optional<std::int64_t> process_began(std::uint64_t process) = 0;
};

/// Lives as long as the process.
Files& local_files();

/// Writes all of it from `offset`, in as many calls as it takes.
Answer<> write_all(Files& files, const Descriptor& file, std::uint64_t offset, std::string_view octets);

}  // namespace angarium::delivery
