#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/utf8.h>

#include <array>
#include <cstdint>

#include "base/text.h"
#include "message/charset.h"
#include "message/octet_find.h"

namespace angarium::message {
namespace {

void append_utf8(std::string& out, UChar32 c) {
  std::array<char, U8_MAX_LENGTH> buffer{};
  std::int32_t length = 0;
  U8_APPEND_UNSAFE(buffer.data(), length, c);
  out.append(buffer.data(), static_cast<std::size_t>(length));
}

/// RFC 5051 §2 step 2: title case, then full decomposition.
void append_folded_character(std::string& out, UChar32 c, const UNormalizer2* normalizer) {
  const UChar32 title = u_totitle(c);
  std::array<UChar, 32> decomposed{};  // the longest decomposition has 18 units (U+FDFA)
  UErrorCode status = U_ZERO_ERROR;
  const std::int32_t length = unorm2_getDecomposition(normalizer, title, decomposed.data(),
                                                      static_cast<std::int32_t>(decomposed.size()), &status);
  if (U_FAILURE(status) || length < 0) {
    append_utf8(out, title);
    return;
  }
  for (std::int32_t i = 0; i < length;) {
    UChar32 part = 0;
    U16_NEXT(decomposed.data(), i, length, part);
    append_utf8(out, part);
  }
}

}  // namespace

void append_folded(std::string& out, std::string_view utf8) {
  UErrorCode status = U_ZERO_ERROR;
  const UNormalizer2* const normalizer = unorm2_getNFKDInstance(&status);
  out.reserve(out.size() + utf8.size());
  for (std::size_t at = 0; at < utf8.size();) {
    if (is_ascii(utf8[at])) {
      const std::string_view run = utf8.substr(at, ascii_prefix(utf8.substr(at)));
      append_upper(out, run);
      at += run.size();
      continue;
    }
    const std::string_view rest = utf8.substr(at, U8_MAX_LENGTH);
    std::int32_t used = 0;
    UChar32 c = 0;
    U8_NEXT(rest.data(), used, static_cast<std::int32_t>(rest.size()), c);
    if (c < 0 || U_FAILURE(status)) {
      out.append(utf8.substr(at, static_cast<std::size_t>(used)));
    } else {
      append_folded_character(out, c, normalizer);
    }
    at += static_cast<std::size_t>(used);
  }
}

std::string fold_case(std::string_view utf8) {
  std::string out;
  append_folded(out, utf8);
  return out;
}

}  // namespace angarium::message
