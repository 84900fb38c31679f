#include "message/octet_find.h"

#include <algorithm>

#include "message/octet_block.h"

namespace angarium::message {

namespace {

ANGARIUM_INLINE std::size_t either(const char* begin, std::size_t size, char a, char b) {
  for (std::size_t at = 0; at < size; at += OctetBlock::kSize) {
    const std::size_t step = std::min(size - at, OctetBlock::kSize);
    const OctetBlock block =
        step == OctetBlock::kSize ? OctetBlock::load(begin + at) : OctetBlock::load_partial(begin + at, step);
    const std::uint64_t found = (block.equal(a) | block.equal(b)) & below(step);
    if (found != 0) return at + static_cast<std::size_t>(std::countr_zero(found));
  }
  return size;
}

std::size_t either_portable(const char* begin, std::size_t size, char a, char b) { return either(begin, size, a, b); }
#if defined(__x86_64__)
ANGARIUM_WIDE std::size_t either_wide(const char* begin, std::size_t size, char a, char b) {
  return either(begin, size, a, b);
}
#endif

using Either = std::size_t (*)(const char*, std::size_t, char, char);
Either choose() {
#if defined(__x86_64__)
  if (has_avx2()) return either_wide;
#endif
  return either_portable;
}

}  // namespace

std::size_t find_either(std::string_view octets, char a, char b) {
  static const Either body = choose();
  return body(octets.data(), octets.size(), a, b);
}

}  // namespace angarium::message
