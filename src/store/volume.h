// A volume carries a store's bytes: named files that are written, synced, read and replaced. The one seam between the
// store and the world; what the tablet knows of disks stands here. Bodies: local (a directory), memory, faulty
// (volume_local.h, volume_memory.h, volume_faulty.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/error.h"

namespace angarium::store {

/// How far a read may go for its octets.
enum class Tier {
  any,     ///< wait for the disk
  memory,  ///< only what lies in memory or the page cache; otherwise kWouldBlock. For event loops.
};

/// An open file of a volume. Reads may run in any number of threads beside one writer. Closing does not sync.
class File {
 public:
  virtual ~File() = default;

  /// Writes all parts one after the other from `offset`; beyond the end, the gap reads as zeros. Visible to reads at
  /// once, durable after sync(). An error means any part of it may have been written. kStoreFull when the volume is
  /// full.
  virtual Result<> write(std::uint64_t offset, std::span<const std::string_view> parts) = 0;
  /// Makes all that was written durable. After an error nothing written since the last sync() may be taken for durable,
  /// not even if a later sync() succeeds: it has to be written again.
  virtual Result<> sync() = 0;
  /// Starts writing to the disk what was written in [offset, offset + length), without waiting and without promise.
  virtual void start_writing(std::uint64_t offset, std::uint64_t length) = 0;
  /// Fills the spans one after the other from `offset`; the count is smaller than their sum only at the end of the
  /// file. Tier::memory: all of it or kWouldBlock.
  virtual Result<std::size_t> read(std::uint64_t offset, std::span<const std::span<char>> into, Tier tier) = 0;
  /// Reserves disk space so that the file is at least `length` long and reads as zeros there. kStoreFull when it can't
  /// be had.
  virtual Result<> preallocate(std::uint64_t length) = 0;
  /// Writes zeros over [offset, offset + length) of what is reserved, where that makes later syncs cheaper; else does
  /// nothing.
  virtual Result<> zero(std::uint64_t offset, std::uint64_t length) = 0;
  /// Sets the length; what is cut off is gone, what is added reads as zeros.
  virtual Result<> truncate(std::uint64_t length) = 0;
  virtual Result<std::uint64_t> size() = 0;

  /// Convenience: one part, one span.
  Result<> write(std::uint64_t offset, std::string_view octets) { return write(offset, std::span(&octets, 1)); }
  Result<std::size_t> read(std::uint64_t offset, std::span<char> into, Tier tier = Tier::any) {
    return read(offset, std::span<const std::span<char>>(&into, 1), tier);
  }
};

struct Space {
  std::uint64_t free = 0;   ///< octets this process may still write
  std::uint64_t total = 0;  ///< octets of the whole carrier
};

struct FileEntry {
  std::string name;
  std::uint64_t size = 0;
};

enum class Opening { existing, create };

/// The named files of one store. All methods may be called from any thread. Names are 1-100 octets of [a-zA-Z0-9._-],
/// with at most one folder "name/" in front, which need not be made first. An open volume holds the store's lock: a
/// second open of the same store, in this process or another, fails with kLocked until this object is gone.
class Volume {
 public:
  virtual ~Volume() = default;

  /// `existing`: kMissing if there is none. `create`: makes it anew and empty (an old one of that name is gone); its
  /// name is durable when this returns.
  virtual Result<std::unique_ptr<File>> open(const std::string& name, Opening opening) = 0;
  /// Replaces the whole content of a small file in one durable step: after a crash the old content or the new one is
  /// there.
  virtual Result<> replace(const std::string& name, std::string_view content) = 0;
  /// The whole file, kMissing if there is none, kTooLarge beyond `size_max`.
  virtual Result<std::string> read_whole(const std::string& name, std::uint64_t size_max = 64u << 20) = 0;
  /// Durable. Removing what does not exist succeeds. Files that are open stay readable through their File.
  virtual Result<> remove(const std::string& name) = 0;
  /// Durable; an old file of the new name is gone. The content has to be synced before by the caller.
  virtual Result<> rename(const std::string& from, const std::string& to) = 0;
  /// All files, sorted by name, folders included ("state/000012.sst").
  virtual Result<std::vector<FileEntry>> list() = 0;
  virtual Result<Space> space() = 0;
  /// Copies the first `length` octets of a file to `target` under the same name, durable there; a body may link instead
  /// when `whole` says that the file will never change again.
  enum class Sharing { copy, link };
  virtual Result<> copy_to(const std::string& name, std::uint64_t length, Sharing sharing, Volume& target);
  /// The directory these files lie in, if they are files of the host that other libraries may open by path.
  [[nodiscard]] virtual std::optional<std::string> directory() const { return std::nullopt; }
};

/// Files of the host in `directory`, which is made if it is missing (mode 0700). kLocked if the store is open
/// elsewhere.
Result<std::unique_ptr<Volume>> open_local_volume(const std::string& directory);

}  // namespace angarium::store
