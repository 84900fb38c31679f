// Octet 0: the cut; octet 1: the coding. Cut and whole decoding agree, and what is encoded is read back.
#include <cstdlib>
#include <string>

#include "message/coding.h"
#include "message/uuencode.h"

using namespace angarium::message;

namespace {

template <class Coder>
std::string run(Coder coder, std::string_view input, std::size_t step) {
  std::string all;
  for (std::size_t at = 0; at < input.size(); at += step) {
    std::string out;
    coder.feed(input.substr(at, step), out);
    all += out;
  }
  coder.finish(all);
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t step = data[0] % 97 + 1;
  const auto encoding = static_cast<Encoding>(data[1] % 7);
  const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
  if (run(TransferDecoder(encoding), input, step) != decode_transfer(encoding, input)) std::abort();
  if (decode_transfer(Encoding::base64, run(Base64Encoder(), input, step)) != input) std::abort();
  for (const LineEnds ends : {LineEnds::text, LineEnds::binary}) {
    const std::string encoded = run(QuotedPrintableEncoder(ends), input, step);
    if (decode_transfer(Encoding::quoted_printable, encoded) != input) std::abort();
  }
  std::size_t end = 0;
  for (const UuBlock& block : find_uuencoded(input)) {
    if (block.begin < end || block.end <= block.begin || block.end > input.size()) std::abort();
    end = block.end;
    (void)decode_transfer(Encoding::uuencode, input.substr(block.begin, block.end - block.begin));
  }
  return 0;
}
