// The first octet says how the input is cut; fed in chunks or whole, everything must agree.
#include <cstdlib>
#include <string>

#include "message/dots.h"

using namespace angarium::message;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = data[0] % 97 + 1;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);

  DotReader whole;
  std::string message;
  std::string_view rest = input;
  while (!rest.empty() && !whole.ended()) message += whole.take(rest);

  DotReader reader;
  std::string again;
  std::size_t used = 0;
  for (std::size_t at = 0; at < input.size() && !reader.ended(); at += step) {
    std::string_view chunk = input.substr(at, step);
    const std::size_t before = chunk.size();
    while (!chunk.empty() && !reader.ended()) again += reader.take(chunk);
    used += before - chunk.size();
  }
  if (again != message || used != input.size() - rest.size() || reader.ended() != whole.ended()) std::abort();
  if (reader.seen().longest_line() != whole.seen().longest_line() || reader.seen().octets() != message.size())
    std::abort();

  DotWriter writer;
  std::string stuffed;
  for (std::size_t at = 0; at < input.size(); at += step)
    for (std::string_view chunk = input.substr(at, step); !chunk.empty();) stuffed += writer.take(chunk);
  stuffed += writer.finish();
  DotReader back;
  std::string plain;
  rest = stuffed;
  while (!rest.empty() && !back.ended()) plain += back.take(rest);
  if (!back.ended() || !rest.empty() || !plain.starts_with(input) || plain.size() > input.size() + 2) std::abort();

  LineEndNormalizer normalizer;
  std::string clean;
  for (std::size_t at = 0; at < input.size(); at += step)
    for (std::string_view chunk = input.substr(at, step); !chunk.empty();) clean += normalizer.take(chunk);
  clean += normalizer.finish();
  LineScanner lines;
  lines.feed(clean);
  if (!lines.clean_line_ends()) std::abort();
  return 0;
}
