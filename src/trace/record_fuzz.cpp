// Everything that is read back from the store: no octets may crash it, and what is read is written alike.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "trace/index.h"
#include "trace/keys.h"
#include "trace/record.h"

using namespace angarium;
using namespace angarium::trace;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  constexpr WallTime kAt{7};
  std::string again;
  std::string twice;
  if (const auto beginning = decode_beginning(DeliveryId(1), kAt, octets)) {
    (void)hashes_of(*beginning);
    encode(*beginning, again);
    // The first time may cut, the second has nothing left to cut but what is new.
    if (const auto read = decode_beginning(DeliveryId(1), kAt, again)) {
      require(hashes_of(*read).size() <= hashes_of(*beginning).size());
    } else {
      require(again.size() > kRecordMax);
    }
  }
  if (const auto event = decode_event(kAt, octets)) {
    encode(*event, again);
    const auto read = decode_event(kAt, again);
    require(read.has_value());
    encode(*read, twice);
    require(again == twice);
  }
  (void)story_in(octets);
  (void)block_in(octets);
  (void)decode_block(kAt, octets);
  (void)times_of(octets, kAt, size > 4 ? data[4] : 0);
  return 0;
}
