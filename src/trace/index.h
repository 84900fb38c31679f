// The index: built afterwards and in blocks of many records, so that accepting a message costs no more than its record.
// FORMAT.md draws it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/batch.h"
#include "trace/keys.h"
#include "trace/types.h"

namespace angarium::trace {

/// Records of one block, and names in it; whichever comes first ends it, at the next change of the time.
inline constexpr std::size_t kBlockRecords = 16'384;
inline constexpr std::size_t kBlockNames = 65'536;
/// Names beyond this are left out: a part stays below the store's limit of a value whatever the names are.
inline constexpr std::size_t kPartNamesMax = 100'000;

/// What a block covers: all stories that began in [from, to).
struct Block {
  WallTime from;
  WallTime to;
  std::uint64_t records = 0;
  std::uint64_t octets = 0;  ///< keys and values
  friend bool operator==(const Block&, const Block&) = default;
};
std::string encode(const Block& block);
Result<Block> decode_block(WallTime from, std::string_view octets);

/// Collects the names of a block.
class IndexBuilder {
 public:
  explicit IndexBuilder(WallTime from) : from_(from) {}
  void add(std::uint32_t hash, WallTime at);
  [[nodiscard]] std::size_t names() const { return names_; }
  /// Adds the parts to the batch.
  void put(Lane lane, store::Batch& batch);

 private:
  struct Name {
    std::uint32_t hash = 0;
    std::uint64_t after = 0;  ///< microseconds after from_
    friend auto operator<=>(const Name&, const Name&) = default;
  };
  WallTime from_;
  std::size_t names_ = 0;
  std::array<std::vector<Name>, kIndexParts> parts_;
};

/// When stories began that have a name of this hash, oldest first. Total: nonsense gives nonsense.
std::vector<WallTime> times_of(std::string_view part, WallTime from, std::uint32_t hash);

}  // namespace angarium::trace
