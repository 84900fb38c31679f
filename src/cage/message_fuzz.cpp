// A request or answer is read or not; what is read is written as the same octets.
#include <cstdlib>

#include "cage/message.h"

using namespace angarium::cage;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  if (const auto request = decode_request(octets)) {
    if (encode(*request) != octets) std::abort();
    if (request_kind(octets) != request->index()) std::abort();
  }
  if (const auto answer = decode_answer(octets); answer && encode(*answer) != octets) std::abort();
  return 0;
}
