#include "message/octet_find.h"

#include <algorithm>

#include "base/text.h"
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

ANGARIUM_INLINE std::size_t ascii(const char* begin, std::size_t size) {
  for (std::size_t at = 0; at < size; at += OctetBlock::kSize) {
    const std::size_t step = std::min(size - at, OctetBlock::kSize);
    const OctetBlock block =
        step == OctetBlock::kSize ? OctetBlock::load(begin + at) : OctetBlock::load_partial(begin + at, step);
    const std::uint64_t found = block.high() & below(step);
    if (found != 0) return at + static_cast<std::size_t>(std::countr_zero(found));
  }
  return size;
}

/// An octet in both of its cases.
struct Cases {
  explicit Cases(char upper) : upper(upper), lower(to_lower(upper)) {}
  char upper;
  char lower;
};

bool upper_equals(const char* octets, std::string_view wanted) {
  for (std::size_t i = 0; i < wanted.size(); ++i)
    if (to_upper(octets[i]) != wanted[i]) return false;
  return true;
}

/// Where the first and the last octet of what is wanted stand as far apart as they have to, all of it is compared.
ANGARIUM_INLINE bool contains(const char* begin, std::size_t size, std::string_view wanted) {
  const Cases first(wanted.front());
  const Cases last(wanted.back());
  const std::size_t apart = wanted.size() - 1;
  const std::size_t places = size - apart;
  for (std::size_t at = 0; at < places; at += OctetBlock::kSize) {
    const std::size_t step = std::min(places - at, OctetBlock::kSize);
    const auto load = [step](const char* from) __attribute__((always_inline)) {
      return step == OctetBlock::kSize ? OctetBlock::load(from) : OctetBlock::load_partial(from, step);
    };
    const OctetBlock heads = load(begin + at);
    const OctetBlock tails = load(begin + at + apart);
    std::uint64_t found = (heads.equal(first.upper) | heads.equal(first.lower)) &
                          (tails.equal(last.upper) | tails.equal(last.lower)) & below(step);
    for (; found != 0; found &= found - 1)
      if (upper_equals(begin + at + std::countr_zero(found), wanted)) return true;
  }
  return false;
}

ANGARIUM_INLINE void upper(char* begin, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) begin[i] = to_upper(begin[i]);
}

std::size_t either_portable(const char* begin, std::size_t size, char a, char b) { return either(begin, size, a, b); }
std::size_t ascii_portable(const char* begin, std::size_t size) { return ascii(begin, size); }
bool contains_portable(const char* begin, std::size_t size, std::string_view wanted) {
  return contains(begin, size, wanted);
}
void upper_portable(char* begin, std::size_t size) { upper(begin, size); }
#if defined(__x86_64__)
ANGARIUM_WIDE std::size_t either_wide(const char* begin, std::size_t size, char a, char b) {
  return either(begin, size, a, b);
}
ANGARIUM_WIDE std::size_t ascii_wide(const char* begin, std::size_t size) { return ascii(begin, size); }
ANGARIUM_WIDE bool contains_wide(const char* begin, std::size_t size, std::string_view wanted) {
  return contains(begin, size, wanted);
}
ANGARIUM_WIDE void upper_wide(char* begin, std::size_t size) { upper(begin, size); }
#endif

/// The bodies for this processor.
struct Bodies {
  std::size_t (*either)(const char*, std::size_t, char, char) = either_portable;
  std::size_t (*ascii)(const char*, std::size_t) = ascii_portable;
  bool (*contains)(const char*, std::size_t, std::string_view) = contains_portable;
  void (*upper)(char*, std::size_t) = upper_portable;
};

const Bodies& bodies() {
  static const Bodies chosen = [] {
#if defined(__x86_64__)
    if (has_avx2())
      return Bodies{.either = either_wide, .ascii = ascii_wide, .contains = contains_wide, .upper = upper_wide};
#endif
    return Bodies();
  }();
  return chosen;
}

}  // namespace

std::size_t find_either(std::string_view octets, char a, char b) {
  return bodies().either(octets.data(), octets.size(), a, b);
}

std::size_t ascii_prefix(std::string_view octets) { return bodies().ascii(octets.data(), octets.size()); }

bool contains_upper(std::string_view octets, std::string_view wanted) {
  if (wanted.empty()) return true;
  return octets.size() >= wanted.size() && bodies().contains(octets.data(), octets.size(), wanted);
}

void append_upper(std::string& out, std::string_view octets) {
  const std::size_t before = out.size();
  out += octets;
  bodies().upper(out.data() + before, octets.size());
}

}  // namespace angarium::message
