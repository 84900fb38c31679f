// RocksDB's files on a volume that is not a directory of the host.
#pragma once

#include <memory>

#include "store/volume.h"

namespace rocksdb {
class FileSystem;
}

namespace angarium::store {

/// Every file RocksDB makes goes through the volume, so that what the volume loses or breaks, RocksDB sees. The volume
/// outlives it.
std::shared_ptr<rocksdb::FileSystem> make_volume_file_system(Volume& volume);

}  // namespace angarium::store
