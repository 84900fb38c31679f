// An order or a reply is read or not; what is read is written as the same octets.
#include <cstdlib>

#include "location/order.h"

using namespace angarium::location;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  if (const auto order = decode_order(octets); order && encode(*order) != octets) std::abort();
  if (const auto reply = decode_reply(octets); reply && encode(*reply) != octets) std::abort();
  return 0;
}
