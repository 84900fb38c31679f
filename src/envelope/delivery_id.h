// The name of one accepted or refused transaction, in replies, logs, queue and trace.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"

namespace angarium::envelope {

/// Sixty random bits, twelve letters as text: what a person reads aloud without mistakes (no i, l, o, u).
class DeliveryId {
 public:
  static constexpr std::size_t kLetters = 12;
  DeliveryId() = default;
  /// From the low sixty bits.
  explicit constexpr DeliveryId(std::uint64_t bits) : bits_(bits & kMask) {}
  static DeliveryId make(Random& random) { return DeliveryId(random.number()); }
  /// In any case; nothing when it is none.
  static std::optional<DeliveryId> parse(std::string_view text);

  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::uint64_t bits() const { return bits_; }
  friend auto operator<=>(const DeliveryId&, const DeliveryId&) = default;

 private:
  static constexpr std::uint64_t kMask = (std::uint64_t{1} << 60) - 1;
  std::uint64_t bits_ = 0;
};

}  // namespace angarium::envelope
