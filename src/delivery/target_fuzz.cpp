// A text is a target or not; what is written of a target is read back as the same.
#include <cstdlib>

#include "delivery/target.h"

using namespace angarium::delivery;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto target = parse_target(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!target) return 0;
  const auto back = parse_target(format_target(*target));
  if (!back || *back != *target) std::abort();
  return 0;
}
