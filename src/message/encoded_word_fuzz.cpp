#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"
#include "message/charset.h"
#include "message/encoded_word.h"
#include "message/header.h"

using namespace angarium;
using namespace angarium::message;

// Decoding gives UTF-8 whatever comes; what is encoded, folded and read again is the text that was given.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string decoded = decode_text(input);
  if (!valid_utf8(decoded)) std::abort();
  has_encoded_word(input);

  std::string text = repair_utf8(input);
  for (char& c : text) {
    if (c == '\r' || c == '\n' || c == '\0') c = ' ';
  }
  text = std::string(trim(text));
  std::string field;
  if (!append_field(field, "Subject", encode_text(input, 9))) std::abort();
  // A run of very many blanks is shortened by the writer of fields.
  if (text.find(std::string(300, ' ')) == std::string::npos && text.find('\t') == std::string::npos &&
      decode_text(HeaderReader(field).next()->value) != text) {
    std::abort();
  }
  const std::string phrase = encode_phrase(input);
  if (!all_ascii(phrase)) std::abort();
  return 0;
}
