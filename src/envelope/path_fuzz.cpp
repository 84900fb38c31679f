#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "envelope/path.h"

using namespace angarium::envelope;

// A path that is accepted is written in a form that gives the same path again, under the strict grammar too.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto grammar : {PathOptions::Grammar::strict, PathOptions::Grammar::tolerant}) {
    const PathOptions options{.utf8 = Utf8::accept, .grammar = grammar};
    std::string_view rest = text;
    const std::string_view path = take_path(rest, options);
    if (path.size() + rest.size() > text.size()) std::abort();
    if (const auto reverse = parse_reverse_path(path, options)) {
      if (parse_reverse_path(reverse->text(), options) != *reverse) std::abort();
    }
    if (const auto forward = parse_forward_path(path, options)) {
      if (parse_forward_path(forward->text(), options) != *forward) std::abort();
    }
  }
  return 0;
}
