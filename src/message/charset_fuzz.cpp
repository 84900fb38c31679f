// Charsets: any octets under any label give well-formed UTF-8, the same however they are cut; text of HTML and folded
// text stay well-formed.
#include "message/charset.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/text.h"
#include "message/html_text.h"

using namespace angarium;
using namespace angarium::message;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::string by_chunks(std::string_view octets, std::string_view charset, std::size_t step) {
  Utf8Decoder decoder(charset);
  std::string out;
  for (; !octets.empty(); octets.remove_prefix(std::min(step, octets.size())))
    decoder.feed(octets.substr(0, step), out);
  decoder.finish(out);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  std::string_view octets(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string_view charset = take_until(octets, '\n');
  const std::string text = to_utf8(octets, charset);
  require(valid_utf8(text));
  if (keeps_ascii(charset) && std::ranges::all_of(octets, is_ascii)) require(text == octets);
  require(by_chunks(octets, charset, 1 + data[0] % 16) == text);
  require(repair_utf8(text) == text);
  const std::string folded = fold_case(text);
  require(valid_utf8(folded));
  (void)fold_case(octets);
  for (const HtmlQuotes quotes : {HtmlQuotes::keep, HtmlQuotes::skip})
    require(valid_utf8(html_to_text(text, data[0] * 16u, quotes)));
  (void)html_to_text(octets, 4096);
  return 0;
}
