// A store's files in memory, for tests: what is written is durable at once.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "store/volume.h"

namespace angarium::store {

/// What stays when a volume is closed and opened again: the disk. Tests may look into it and change it.
class MemoryDisk {
 public:
  struct Content {
    std::string octets;
  };

  [[nodiscard]] std::shared_ptr<Content> find(const std::string& name) const;
  std::mutex mutex;  ///< guards all below, and all contents
  std::map<std::string, std::shared_ptr<Content>> files;
  std::uint64_t capacity = UINT64_MAX;  ///< writes that would need more fail with kStoreFull
  bool locked = false;
  /// Octets of all files. The mutex is held.
  [[nodiscard]] std::uint64_t used() const;
};

/// kLocked while another volume on this disk exists.
Result<std::unique_ptr<Volume>> open_memory_volume(std::shared_ptr<MemoryDisk> disk);

}  // namespace angarium::store
