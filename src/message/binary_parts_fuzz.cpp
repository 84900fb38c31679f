// The first octet says how the input is cut. The cuts change nothing; the rewritten message has the same parts with the
// same content, none of them in binary coding; rewriting it again changes nothing.
#include <cstdlib>
#include <string>

#include "message/binary_parts.h"
#include "message/content.h"

using namespace angarium::message;

namespace {

angarium::Result<std::string> rewritten(std::string_view message, std::size_t step) {
  BinaryPartsWriter writer;
  std::string out;
  for (std::size_t at = 0; at < message.size(); at += step) TRY(writer.feed(message.substr(at, step), out));
  TRY(writer.finish(out));
  return out;
}

void must(bool holds) {
  if (!holds) std::abort();
}

void same_content(std::string_view before, std::string_view after) {
  const Structure old = parse_structure(before);
  const Structure now = parse_structure(after);
  must(old.parts.size() == now.parts.size());
  for (std::size_t i = 0; i < old.parts.size(); ++i) {
    must(old.parts[i].kind == now.parts[i].kind && old.parts[i].parent == now.parts[i].parent);
    must(old.type(old.parts[i], before) == now.type(now.parts[i], after));
    must(now.parts[i].encoding != Encoding::binary);
    if (old.parts[i].kind == PartKind::leaf)
      must(decoded_content(old.parts[i], before) == decoded_content(now.parts[i], after));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = rewritten(input, input.size() + 1);
  const auto cut = rewritten(input, data[0] % 97 + 1);
  must(whole.has_value() == cut.has_value());
  if (!whole) return 0;
  must(*whole == *cut);
  same_content(input, *whole);
  must(rewritten(*whole, input.size() + 1) == *whole);
  return 0;
}
