#include "envelope/delivery_id.h"

#include "base/text.h"

namespace angarium::envelope {
namespace {

constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz";

}  // namespace

std::optional<DeliveryId> DeliveryId::parse(std::string_view text) {
  if (text.size() != kLetters) return std::nullopt;
  std::uint64_t bits = 0;
  for (std::size_t i = kLetters; i-- > 0;) {
    const std::size_t digit = kDigits.find(to_lower(text[i]));
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 5 | digit;
  }
  return DeliveryId(bits);
}

std::string DeliveryId::text() const {
  std::string text;
  std::uint64_t bits = bits_;
  for (std::size_t i = 0; i < kLetters; ++i, bits >>= 5) text += kDigits[bits & 31];
  return text;
}

}  // namespace angarium::envelope
