// Any octets give a configuration or an error with a line, never more.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "configuration/configuration.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto result = angarium::configuration::parse({reinterpret_cast<const char*>(data), size}, "/d");
  if (!result && !result.error().text().starts_with("angarium.toml:")) std::abort();
  return 0;
}
