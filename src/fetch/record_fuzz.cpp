// Records that may be anything.
#include "fetch/record.h"

using namespace angarium::fetch;

extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  const std::string_view octets(data, size);
  // What is read is written so that it is read as the same.
  if (const auto box = decode_box(octets)) {
    if (encode(*decode_box(encode(*box))) != encode(*box)) __builtin_trap();
  }
  (void)decode_progress(octets);
  (void)decode_mark(octets);
  if (const auto folder = decode_folder(octets)) {
    if (encode(*decode_folder(encode(*folder))) != encode(*folder)) __builtin_trap();
  }
  (void)decode_pin(octets);
  return 0;
}
