#include "base/crc32c.h"

#include <array>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace angarium {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;

constexpr std::array<std::array<std::uint32_t, 256>, 8> kTables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ kPolynomial : crc >> 1;
    tables[0][i] = crc;
  }
  for (std::uint32_t i = 0; i < 256; ++i)
    for (std::size_t t = 1; t < 8; ++t) tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 255];
  return tables;
}();

std::uint32_t portable(std::string_view octets, std::uint32_t crc) {
  const auto* p = reinterpret_cast<const unsigned char*>(octets.data());
  std::size_t n = octets.size();
  for (; n >= 8; p += 8, n -= 8) {
    std::uint32_t low;
    std::uint32_t high;
    std::memcpy(&low, p, 4);
    std::memcpy(&high, p + 4, 4);
    low ^= crc;
    crc = kTables[7][low & 255] ^ kTables[6][low >> 8 & 255] ^ kTables[5][low >> 16 & 255] ^ kTables[4][low >> 24] ^
          kTables[3][high & 255] ^ kTables[2][high >> 8 & 255] ^ kTables[1][high >> 16 & 255] ^ kTables[0][high >> 24];
  }
  for (; n > 0; ++p, --n) crc = crc >> 8 ^ kTables[0][(crc ^ *p) & 255];
  return crc;
}

#if defined(__x86_64__)
/// The instruction takes three cycles and may begin anew in each: three lanes of a block are counted side by side, and
/// joined.
constexpr std::size_t kLane = 1024;

/// What kLane octets of zero make of a CRC, by each of its octets: CRCs are linear, so the four are added.
constexpr std::array<std::array<std::uint32_t, 256>, 4> kPastLane = [] {
  // Each bit's share, doubled from one octet of zero to kLane of them.
  std::array<std::uint32_t, 32> shares{};
  for (std::size_t bit = 0; bit < 32; ++bit) {
    const std::uint32_t one = std::uint32_t{1} << bit;
    shares[bit] = one >> 8 ^ kTables[0][one & 255];
  }
  auto sum = [](const std::array<std::uint32_t, 32>& of, std::uint32_t crc) {
    std::uint32_t result = 0;
    for (std::size_t bit = 0; bit < 32; ++bit)
      if ((crc >> bit & 1) != 0) result ^= of[bit];
    return result;
  };
  for (std::size_t length = 1; length < kLane; length *= 2) {
    std::array<std::uint32_t, 32> twice{};
    for (std::size_t bit = 0; bit < 32; ++bit) twice[bit] = sum(shares, shares[bit]);
    shares = twice;
  }
  std::array<std::array<std::uint32_t, 256>, 4> tables{};
  for (std::size_t at = 0; at < 4; ++at)
    for (std::uint32_t octet = 0; octet < 256; ++octet) tables[at][octet] = sum(shares, octet << 8 * at);
  return tables;
}();

std::uint64_t past_lane(std::uint64_t crc) {
  return kPastLane[0][crc & 255] ^ kPastLane[1][crc >> 8 & 255] ^ kPastLane[2][crc >> 16 & 255] ^
         kPastLane[3][crc >> 24 & 255];
}

std::uint64_t word_at(const char* p) {
  std::uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

__attribute__((target("sse4.2"))) std::uint32_t accelerated(std::string_view octets, std::uint32_t crc) {
  const char* p = octets.data();
  std::size_t n = octets.size();
  std::uint64_t wide = crc;
  for (; n >= 3 * kLane; p += 3 * kLane, n -= 3 * kLane) {
    std::uint64_t second = 0;
    std::uint64_t third = 0;
    for (std::size_t at = 0; at < kLane; at += 8) {
      wide = _mm_crc32_u64(wide, word_at(p + at));
      second = _mm_crc32_u64(second, word_at(p + kLane + at));
      third = _mm_crc32_u64(third, word_at(p + 2 * kLane + at));
    }
    wide = past_lane(past_lane(wide) ^ second) ^ third;
  }
  for (; n >= 8; p += 8, n -= 8) wide = _mm_crc32_u64(wide, word_at(p));
  crc = static_cast<std::uint32_t>(wide);
  for (; n > 0; ++p, --n) crc = _mm_crc32_u8(crc, static_cast<unsigned char>(*p));
  return crc;
}
#endif

using Body = std::uint32_t (*)(std::string_view, std::uint32_t);

Body choose() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return accelerated;
#endif
  return portable;
}

}  // namespace

std::uint32_t crc32c(std::string_view octets, std::uint32_t before) {
  static const Body body = choose();
  return ~body(octets, ~before);
}

}  // namespace angarium
