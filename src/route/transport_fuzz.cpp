// Transports as text: what is read is written in the one form that gives the same again.
#include <cstdint>
#include <cstdlib>

#include "route/transport.h"

using namespace angarium;
using namespace angarium::route;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto transport = parse_transport(text)) {
    // The full form may be longer than what was read.
    const auto again = parse_transport(transport_text(*transport));
    require(again ? *again == *transport : transport_text(*transport).size() > kTransportTextMax);
  }
  if (const auto map = TransportMap::make({{std::string(text), Discard{}}})) require(map->size() == 1);
  return 0;
}
