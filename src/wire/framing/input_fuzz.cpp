// Lines come out the same however the octets are cut, and nothing is lost or invented.
#include <cstdlib>
#include <string>

#include "wire/framing/input.h"

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

std::string lines(std::string_view octets, std::size_t limit, std::size_t piece) {
  angarium::wire::Input input;
  std::string seen;
  while (!octets.empty()) {
    auto part = octets.substr(0, piece);
    octets.remove_prefix(part.size());
    input.append(part);
    while (true) {
      auto line = input.take_line(limit);
      if (!line) {
        seen += "#\n";
        continue;
      }
      if (!*line) break;
      expect((*line)->text.size() <= limit);
      expect((*line)->text.find('\n') == std::string_view::npos);
      seen.append((*line)->text).append((*line)->end == angarium::wire::LineEnd::crlf ? "\r\n" : "\n");
    }
    expect(input.size() <= limit + 1);
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size < 2 || size > 10'000) return 0;
  std::string_view octets(reinterpret_cast<const char*>(data) + 2, size - 2);
  std::size_t limit = data[0];
  expect(lines(octets, limit, 1 + data[1]) == lines(octets, limit, octets.size() + 1));
  return 0;
}
