// A start of a file is read or not; what is read of it is written and read back as the same.
#include <cstdlib>

#include "drop/file.h"

using namespace angarium::drop;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto start = parse_start(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!start) return 0;
  if (start->message_at > size) std::abort();
  const auto again = parse_start(format_seal(start->seal) + format_note(start->note));
  if (!again || again->seal != start->seal || again->note != start->note) std::abort();
  for (const std::string& recipient : start->note.recipients) (void)qualify(recipient, "example.test");
  return 0;
}
