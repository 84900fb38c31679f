#include "message/normal_form.h"

#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include "base/text.h"

namespace angarium::message {

std::optional<std::string> normal_form_c(std::string_view utf8) {
  if (all_ascii(utf8)) return std::string(utf8);
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* form = icu::Normalizer2::getNFCInstance(error);
  if (U_FAILURE(error)) return std::nullopt;
  const auto text = icu::UnicodeString::fromUTF8(icu::StringPiece(utf8.data(), static_cast<std::int32_t>(utf8.size())));
  const icu::UnicodeString composed = form->normalize(text, error);
  if (U_FAILURE(error)) return std::nullopt;
  std::string result;
  composed.toUTF8String(result);
  return result;
}

}  // namespace angarium::message
