#include "base/size.h"

#include <array>
#include <string_view>

namespace angarium {

std::string size_of(std::uint64_t octets) {
  constexpr std::array<std::string_view, 4> kUnits = {" KiB", " MiB", " GiB", " TiB"};
  if (octets < 1024) return std::to_string(octets) + " B";
  std::uint64_t unit = 1024;
  for (const std::string_view name : kUnits) {
    const std::uint64_t whole = octets / unit;
    const std::uint64_t rest = octets % unit;
    const std::uint64_t tenths = whole * 10 + (rest * 10 + unit / 2) / unit;
    if (tenths < 100) return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + std::string(name);
    const std::uint64_t rounded = whole + (rest + unit / 2) / unit;
    // What rounds to 1,024 is one of the next unit.
    if (rounded < 1024 || name == kUnits.back()) return std::to_string(rounded) + std::string(name);
    unit *= 1024;
  }
  return {};
}

}  // namespace angarium
