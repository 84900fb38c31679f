#include "store/body.h"

#include <cstring>

#include "store/octets.h"

namespace angarium::store {

// segment 4, codec 1, three zeros, key 4, crc 4, offset 8, length 8; little-endian.
std::array<char, BodyRef::kSize> BodyRef::encode() const {
  std::array<char, kSize> to{};
  store_u32(&to[0], segment);
  to[4] = static_cast<char>(codec);
  store_u32(&to[8], key);
  store_u32(&to[12], crc);
  store_u64(&to[16], offset);
  store_u64(&to[24], length);
  return to;
}

std::optional<BodyRef> BodyRef::decode(std::string_view octets) {
  if (octets.size() != kSize || octets.substr(5, 3) != std::string_view("\0\0\0", 3)) return std::nullopt;
  const char* from = octets.data();
  BodyRef ref;
  ref.segment = load_u32(from);
  ref.codec = static_cast<Codec>(static_cast<unsigned char>(from[4]));
  ref.key = load_u32(from + 8);
  ref.crc = load_u32(from + 12);
  ref.offset = load_u64(from + 16);
  ref.length = load_u64(from + 24);
  if (ref.segment == 0 || ref.codec != Codec::none) return std::nullopt;
  return ref;
}

}  // namespace angarium::store
