// Everything that is read back from the store: no octets may crash it, and what is read is written alike.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "queue/keys.h"
#include "queue/record.h"

using namespace angarium;
using namespace angarium::queue;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  const Place place{.rank = 9, .due = 5, .entry = DeliveryId(1), .part = 2};
  if (auto entry = decode_entry(place.entry, octets))
    require(decode_entry(place.entry, encode(*entry)).value() == *entry);
  if (auto one = decode_consignment("d", place, octets))
    require(decode_consignment("d", place, encode(*one)).has_value() && one->addressees.size() <= kAddresseesMax);
  if (auto backoff = decode_backoff(octets)) require(decode_backoff(encode(*backoff)).has_value());
  (void)decode_whereabouts(place.entry, 2, octets);
  (void)place_in(octets, "d");
  (void)whereabouts_in(octets);
  (void)due_in(octets);
  (void)event_in(octets);
  Records().visit(octets, octets, [](const store::BodyRef&) {});
  return 0;
}
