// Records that may be anything.
#include "fetch/record.h"

using namespace angarium::fetch;

extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  const std::string_view octets(data, size);
  // What is read is written so that it is read as the same.
  static const Seal seal = Seal::of("a key");
  for (const Seal* const key : {static_cast<const Seal*>(nullptr), &seal}) {
    const auto box = decode_box(octets, key);
    if (!box) continue;
    angarium::SeededRandom one(1);
    angarium::SeededRandom two(1);
    const std::string written = *encode(*box, key, one);
    if (*encode(*decode_box(written, key), key, two) != written) __builtin_trap();
  }
  (void)decode_progress(octets);
  (void)decode_mark(octets);
  if (const auto folder = decode_folder(octets)) {
    if (encode(*decode_folder(encode(*folder))) != encode(*folder)) __builtin_trap();
  }
  (void)decode_pin(octets);
  return 0;
}
