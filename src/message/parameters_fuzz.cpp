#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"
#include "message/parameters.h"

using namespace angarium;
using namespace angarium::message;

// Whatever was read is UTF-8, and what is written of it reads back the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  (void)parse_content_type(input);
  if (const auto read = parse_word_with_parameters(input)) {
    for (const Parameter& parameter : read->parameters) {
      if (!valid_utf8(parameter.value)) std::abort();
    }
  }
  std::string text = "x";
  append_parameter(text, "name", input);
  const auto again = parse_word_with_parameters(text);
  if (!again || again->parameters.size() != 1 || again->conformance != Conformance::standard) std::abort();
  std::string once = "x";
  append_parameter(once, "name", again->parameters[0].value);
  if (once != text) std::abort();
  return 0;
}
