// Little-endian numbers and variable-length ones in the store's records.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace angarium::store {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "records are little-endian; a big-endian host needs swaps here");

inline void store_u32(char* to, std::uint32_t value) { std::memcpy(to, &value, sizeof value); }
inline void store_u64(char* to, std::uint64_t value) { std::memcpy(to, &value, sizeof value); }
inline std::uint32_t load_u32(const char* from) {
  std::uint32_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
inline std::uint64_t load_u64(const char* from) {
  std::uint64_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// Seven bits an octet, low ones first, the top bit says that more follow: at most ten octets.
inline void append_varint(std::string& to, std::uint64_t value) {
  while (value >= 0x80) {
    to.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  to.push_back(static_cast<char>(value));
}

/// Takes a number off the front; false if it is cut short or too long.
inline bool take_varint(std::string_view& from, std::uint64_t& value) {
  value = 0;
  for (std::size_t i = 0; i < 10 && i < from.size(); ++i) {
    auto octet = static_cast<unsigned char>(from[i]);
    if (i == 9 && octet > 1) return false;
    value |= static_cast<std::uint64_t>(octet & 0x7F) << (7 * i);
    if (octet < 0x80) {
      from.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

}  // namespace angarium::store
