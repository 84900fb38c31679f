#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "message/header.h"

using namespace angarium::message;

// The fields give back the header's octets; any value that is written gives one field.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  HeaderReader reader(input);
  std::size_t octets = 0;
  while (const auto field = reader.next()) {
    octets += field->whole.size();
    std::string scratch;
    (void)unfolded(field->value, scratch);
  }
  if (octets != reader.position() || octets != header_extent(input).header_size) std::abort();

  std::string out;
  if (!append_field(out, "X-Any", input)) std::abort();
  if (!append_field(out, "X-Next", "1")) std::abort();
  const Header header(out);
  if (header.count("X-Any") != 1 || header.count("X-Next") != 1) std::abort();
  HeaderReader again(out);
  while (again.next()) {
  }
  if (again.position() != out.size()) std::abort();
  for (std::size_t at = 0; at < out.size();) {
    const std::size_t end = out.find("\r\n", at);
    if (end == std::string::npos || end - at > kLineMax) std::abort();
    at = end + 2;
  }
  return 0;
}
