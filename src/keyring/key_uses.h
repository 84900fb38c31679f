// How often a key was used with a nonce by chance: an estimate that is never too low, and outlives the process.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace angarium::keyring {

/// A key was used as often as it may be, and the one after it could not be made. Temporary: the next mail tries anew.
inline constexpr ErrorKind kKeyWorn{"keyring.key-worn", Fault::ours, Lasting::temporary};

/// With nonces of 96 random bits one key seals 2^32 times at most (NIST SP 800-38D §8.3): beyond it two of the same
/// nonce become likelier than 2^-32, which would lay both plain texts open.
inline constexpr std::uint64_t kUsesMax = 1ULL << 32;
/// From here on another key is made. What is left is for those that seal while it is made.
inline constexpr std::uint64_t kUsesRenewed = kUsesMax - (1ULL << 24);
/// Uses for which a record is written ahead. A process that ends wastes no more than the rest of one: a key lasts for
/// two million of them.
inline constexpr std::uint64_t kUsesStride = 1024;

/// Counts the uses of one key. The store has a number that is not reached yet; before it is, a higher one is put. Who
/// has it locks it.
class KeyUses {
 public:
  /// What a record says; nothing: nobody counted, and the key is not used any more.
  static std::optional<std::uint64_t> decode(std::string_view record);
  static std::string encode(std::uint64_t uses);

  /// A key that was made now: its record has one stride.
  KeyUses() : reserved_(kUsesStride) {}
  /// One whose record says so. A process of before may have used some more, whose batches were on their way when that
  /// with the record was refused.
  explicit KeyUses(std::optional<std::uint64_t> recorded)
      : used_(recorded ? std::min(*recorded, kUsesMax) + kUsesStride : kUsesMax) {}

  /// So many more. kKeyWorn.
  Result<> use(std::uint64_t count = 1) {
    if (used_ + count > kUsesMax) return fail(kKeyWorn, "a key was used as often as it may be");
    used_ += count;
    return {};
  }
  /// What the record has to say before the last use is durable; nothing: it says so, or `on_its_way` does.
  [[nodiscard]] std::optional<std::uint64_t> to_record(std::uint64_t on_its_way = 0) const {
    if (used_ <= std::max(reserved_, on_its_way)) return std::nullopt;
    return used_ + kUsesStride;
  }
  /// The record is on its way to the store, before all uses that follow; or there.
  void recorded(std::uint64_t uses) { reserved_ = std::max(reserved_, uses); }
  /// That did not get there.
  void refused() { reserved_ = 0; }
  /// Whether there is room for one more without another record.
  [[nodiscard]] bool has_room() const { return used_ < reserved_; }
  /// Another key is to be made.
  [[nodiscard]] bool worn() const { return used_ >= kUsesRenewed; }
  [[nodiscard]] std::uint64_t used() const { return used_; }

 private:
  std::uint64_t used_ = 0;
  std::uint64_t reserved_ = 0;
};

}  // namespace angarium::keyring
