// Payloads of a talk from the other end: decoded, and what is understood is said again the same way.
#include <cstdlib>

#include "transfer/frames.h"

using namespace angarium::transfer;

namespace {

template <class Value>
void same(std::string_view payload, const Value& value, const std::string& again) {
  (void)value;
  // A number has one shortest form; other forms of it are understood, too.
  if (again.size() - kFrameHead > payload.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  (void)read_head(octets);
  if (const auto value = decode_wish(octets)) same(octets, *value, encode(*value));
  if (const auto value = decode_place(octets)) same(octets, *value, encode(*value));
  if (const auto value = decode_message(octets)) same(octets, *value, encode(*value));
  if (const auto value = decode_counts(octets)) same(octets, *value, encode(Kind::durable, *value));
  if (const auto value = decode_note(octets)) same(octets, *value, encode(*value));
  if (const auto value = decode_failure(octets)) same(octets, *value, encode(*value));
  if (const auto value = decode_listed(octets)) same(octets, *value, encode(*value));
  if (const auto value = decode_header(octets)) same(octets, *value, encode(*value));
  (void)decode_number(octets);
  (void)decode_fingerprints(octets);
  return 0;
}
