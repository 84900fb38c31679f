// The first octet says how the input is cut. Chunked and whole feeding agree; the stored form gives the same structure;
// any octets read as a stored form stay within the message.
#include <cstdlib>
#include <string>

#include "message/structure.h"

using namespace angarium::message;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = data[0] % 97 + 1;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Structure whole = parse_structure(input);
  StructureParser parser;
  for (std::size_t at = 0; at < input.size(); at += step) parser.feed(input.substr(at, step));
  if (parser.finish() != whole) std::abort();
  const auto again = deserialize(serialize(whole));
  if (!again || *again != whole) std::abort();
  if (const auto read = deserialize(input)) {
    for (const Part& part : read->parts)
      if (part.header_begin > part.body_begin || part.body_begin > part.body_end || part.body_end > read->size)
        std::abort();
    const auto once_more = deserialize(serialize(*read));
    if (!once_more || *once_more != *read) std::abort();
  }
  return 0;
}
