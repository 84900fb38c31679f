#include "message/structure_scan.h"

#include <algorithm>

#include "message/octet_block.h"

namespace angarium::message {

namespace {

struct Loops {
  ANGARIUM_INLINE static std::size_t find_dashes(const char* const begin, std::size_t size, bool& at_line_start,
                                                 std::uint64_t& lines) {
    std::uint64_t line_start = at_line_start ? 1 : 0;
    for (std::size_t at = 0; at < size;) {
      const std::size_t step = std::min(size - at, OctetBlock::kSize);
      const OctetBlock block =
          step == OctetBlock::kSize ? OctetBlock::load(begin + at) : OctetBlock::load_partial(begin + at, step);
      const std::uint64_t valid = below(step);
      const std::uint64_t lf = block.equal('\n') & valid;
      const std::uint64_t dash = block.equal('-') & valid;
      const std::uint64_t starts = dash & (lf << 1 | line_start);
      // The octet after the block's last one is not known here: that one passes.
      if (const std::uint64_t found = starts & (dash >> 1 | std::uint64_t{1} << (step - 1)); found != 0) {
        const auto index = static_cast<std::size_t>(std::countr_zero(found));
        lines += static_cast<std::uint64_t>(std::popcount(lf & below(index)));
        at_line_start = true;
        return at + index;
      }
      lines += static_cast<std::uint64_t>(std::popcount(lf));
      line_start = lf >> (step - 1) & 1;
      at += step;
    }
    at_line_start = line_start != 0;
    return size;
  }

  ANGARIUM_INLINE static std::uint64_t count_lines(const char* const begin, std::size_t size) {
    std::uint64_t lines = 0;
    for (std::size_t at = 0; at < size; at += OctetBlock::kSize) {
      const std::size_t step = std::min(size - at, OctetBlock::kSize);
      const OctetBlock block =
          step == OctetBlock::kSize ? OctetBlock::load(begin + at) : OctetBlock::load_partial(begin + at, step);
      lines += static_cast<std::uint64_t>(std::popcount(block.equal('\n') & below(step)));
    }
    return lines;
  }

  ANGARIUM_INLINE static std::size_t first_line(const char* const begin, std::size_t size, bool& eight_bit) {
    for (std::size_t at = 0; at < size; at += OctetBlock::kSize) {
      const std::size_t step = std::min(size - at, OctetBlock::kSize);
      const OctetBlock block =
          step == OctetBlock::kSize ? OctetBlock::load(begin + at) : OctetBlock::load_partial(begin + at, step);
      const std::uint64_t lf = block.equal('\n') & below(step);
      const std::uint64_t upto = lf == 0 ? below(step) : lf ^ (lf - 1);  // the octets up to the first line feed
      if ((block.high() & upto) != 0) eight_bit = true;
      if (lf != 0) return at + static_cast<std::size_t>(std::countr_zero(lf)) + 1;
    }
    return size;
  }
};

struct Bodies {
  std::size_t (*find_dashes)(const char*, std::size_t, bool&, std::uint64_t&);
  std::uint64_t (*count_lines)(const char*, std::size_t);
  std::size_t (*first_line)(const char*, std::size_t, bool&);
};

std::size_t find_dashes_portable(const char* p, std::size_t size, bool& at_line_start, std::uint64_t& lines) {
  return Loops::find_dashes(p, size, at_line_start, lines);
}
std::uint64_t count_lines_portable(const char* p, std::size_t size) { return Loops::count_lines(p, size); }
std::size_t first_line_portable(const char* p, std::size_t size, bool& eight_bit) {
  return Loops::first_line(p, size, eight_bit);
}

#if defined(__x86_64__)
ANGARIUM_WIDE std::size_t find_dashes_wide(const char* p, std::size_t size, bool& at_line_start, std::uint64_t& lines) {
  return Loops::find_dashes(p, size, at_line_start, lines);
}
ANGARIUM_WIDE std::uint64_t count_lines_wide(const char* p, std::size_t size) { return Loops::count_lines(p, size); }
ANGARIUM_WIDE std::size_t first_line_wide(const char* p, std::size_t size, bool& eight_bit) {
  return Loops::first_line(p, size, eight_bit);
}
#endif

Bodies choose() {
#if defined(__x86_64__)
  if (has_avx2()) return {find_dashes_wide, count_lines_wide, first_line_wide};
#endif
  return {find_dashes_portable, count_lines_portable, first_line_portable};
}

const Bodies& bodies() {
  static const Bodies chosen = choose();
  return chosen;
}

}  // namespace

std::size_t find_dashes(std::string_view octets, bool& at_line_start, std::uint64_t& lines) {
  return bodies().find_dashes(octets.data(), octets.size(), at_line_start, lines);
}

std::uint64_t count_lines(std::string_view octets) { return bodies().count_lines(octets.data(), octets.size()); }

std::string_view first_line(std::string_view octets, bool& eight_bit) {
  return octets.substr(0, bodies().first_line(octets.data(), octets.size(), eight_bit));
}

}  // namespace angarium::message
