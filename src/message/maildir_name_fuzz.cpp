// A name that was taken apart and put together again means the same.
#include <cstdlib>

#include "message/maildir_name.h"

using namespace angarium::message;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto name = parse_maildir_name(input);
  if (!name) return 0;
  const std::string text = format_maildir_name(name->base, name->flags, name->keywords);
  if (text.size() > kMaildirNameMax) return 0;
  const auto again = parse_maildir_name(text);
  if (!again || again->base != name->base || again->flags != name->flags || again->size != name->size) std::abort();
  if (format_maildir_name(again->base, again->flags, again->keywords) != text) std::abort();
  return 0;
}
