// RocksDB's files on a volume that is not a directory of the host.
#pragma once

#include <memory>

#include "store/volume.h"

namespace rocksdb {
class Env;
}

namespace angarium::store {

/// Every file RocksDB makes goes through the volume, so that what the volume loses or breaks, RocksDB sees. RocksDB's
/// pauses after a failure are left out: the tablet decides when to try again. The volume outlives it.
std::unique_ptr<rocksdb::Env> make_volume_env(Volume& volume);

}  // namespace angarium::store
