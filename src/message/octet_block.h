// Sixty-four octets at once: which of them equal a value, as a bit mask. Written with the compiler's portable vectors,
// so that one source gives SSE2, AVX2 and other bodies; a caller compiled for a wider target inlines the wider form.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace angarium::message {

#define ANGARIUM_INLINE [[gnu::always_inline]] inline

/// A block of 64 octets in registers. Bit n of every mask stands for octet n. For one function's loop only: it is never
/// passed across a call that is not inlined.
class OctetBlock {
 public:
  static constexpr std::size_t kSize = 64;

  /// Loads 64 octets from `octets`, which need no alignment.
  ANGARIUM_INLINE static OctetBlock load(const char* octets) {
    OctetBlock block;
    std::memcpy(&block.octets_, octets, kSize);
    return block;
  }
  /// Loads the first `size` (at most 64) octets and leaves the rest 0: cut masks with below(size).
  ANGARIUM_INLINE static OctetBlock load_partial(const char* octets, std::size_t size) {
    OctetBlock block;
    char copy[kSize] = {};
    std::memcpy(copy, octets, size);
    std::memcpy(&block.octets_, copy, kSize);
    return block;
  }
  ANGARIUM_INLINE std::uint64_t equal(char value) const {
    return std::bit_cast<std::uint64_t>(__builtin_convertvector(octets_ == static_cast<signed char>(value), Bits));
  }
  /// The octets above 127.
  ANGARIUM_INLINE std::uint64_t high() const {
    return std::bit_cast<std::uint64_t>(__builtin_convertvector(octets_ < static_cast<signed char>(0), Bits));
  }

 private:
  using Octets = signed char __attribute__((ext_vector_type(64)));
  using Bits = bool __attribute__((ext_vector_type(64)));
  Octets octets_;
};

#if defined(__x86_64__)
/// Marks the wider body of a loop; called only where has_avx2() says so. lzcnt comes with every processor that has
/// AVX2.
#define ANGARIUM_WIDE __attribute__((target("avx2,bmi,popcnt,lzcnt")))
#endif

/// The mask of the lowest `count` (at most 64) octets.
constexpr std::uint64_t below(std::size_t count) {
  return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

/// Whether the processor has AVX2: asked once by each function that has a wider body.
inline bool has_avx2() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi") != 0 &&
         __builtin_cpu_supports("popcnt") != 0;
#else
  return false;
#endif
}

}  // namespace angarium::message
