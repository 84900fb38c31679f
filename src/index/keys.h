// The keys of the room.
#pragma once

#include <string>
#include <string_view>

#include "index/index.h"
#include "store/keys.h"

namespace angarium::index {

/// The second octet of a key.
enum class RecordKind : char {
  state = 'A',      ///< State
  documents = 'E',  ///< a chunk's documents
  postings = 'P',   ///< of a block
  words = 'W',      ///< a block of the dictionary
};

inline std::string record_key(RecordKind kind, AccountId account) {
  return store::KeyWriter().u8(kKeyOctet).u8(static_cast<std::uint8_t>(kind)).u64(account).key();
}
/// The key of a chunk's documents, and what its blocks' keys begin with.
inline std::string chunk_key(RecordKind kind, AccountId account, std::uint32_t chunk) {
  return store::KeyWriter().u8(kKeyOctet).u8(static_cast<std::uint8_t>(kind)).u64(account).u32(chunk).key();
}
inline std::string block_key(RecordKind kind, AccountId account, std::uint32_t chunk, std::string_view first) {
  return chunk_key(kind, account, chunk).append(first);
}
inline constexpr std::size_t kAfterChunk = 14;

}  // namespace angarium::index
