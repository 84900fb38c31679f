#include "message/words.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace angarium::message {
namespace {

enum class Class : std::uint8_t { parting, letter, dense };

bool is_dense_script(UScriptCode script) {
  switch (script) {
    case USCRIPT_HAN:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
    case USCRIPT_BOPOMOFO:
    case USCRIPT_YI:
    case USCRIPT_THAI:
    case USCRIPT_LAO:
    case USCRIPT_KHMER:
    case USCRIPT_MYANMAR:
    case USCRIPT_TIBETAN:
    case USCRIPT_JAVANESE:
    case USCRIPT_BALINESE:
    case USCRIPT_TAI_LE:
    case USCRIPT_NEW_TAI_LUE:
    case USCRIPT_LANNA: return true;
    default: return false;
  }
}

Class class_of_wide(UChar32 c) {
  UErrorCode status = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(c, &status);
  // The sound marks of kana belong to no script, and the sign for a long vowel to two.
  if (c == 0x3099 || c == 0x309A || c == 0x30FC || (U_SUCCESS(status) && is_dense_script(script)))
    return u_isalnum(c) || (U_GET_GC_MASK(c) & U_GC_M_MASK) != 0 ? Class::dense : Class::parting;
  if (u_isalnum(c) || (U_GET_GC_MASK(c) & (U_GC_M_MASK | U_GC_N_MASK)) != 0) return Class::letter;
  return Class::parting;
}

constexpr std::array<Class, 128> kAscii = [] {
  std::array<Class, 128> classes{};
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const bool letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    classes[c] = letter ? Class::letter : Class::parting;
  }
  return classes;
}();

/// The class of the character at `at`, and behind it where the next one begins.
Class class_at(std::string_view text, std::size_t at, std::size_t& behind) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) {
    behind = at + 1;
    return kAscii[first];
  }
  const std::string_view character = text.substr(at, U8_MAX_LENGTH);
  std::int32_t used = 0;
  UChar32 c = 0;
  U8_NEXT(character.data(), used, static_cast<std::int32_t>(character.size()), c);
  behind = at + static_cast<std::size_t>(used);
  return c < 0 ? Class::parting : class_of_wide(c);
}

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

/// Where the characters of well-formed UTF-8 begin, and its end.
std::vector<std::size_t> characters(std::string_view utf8) {
  std::vector<std::size_t> begins;
  for (std::size_t at = 0; at < utf8.size(); ++at)
    if (begins_character(utf8[at])) begins.push_back(at);
  begins.push_back(utf8.size());
  return begins;
}

/// Each two neighbours of a dense run; the character, if it is one alone.
void each_pair(std::string_view run, const std::function<void(std::string_view)>& each) {
  const auto begins = characters(run);
  if (begins.size() <= 2) return each(run);
  for (std::size_t i = 0; i + 2 < begins.size(); ++i) each(run.substr(begins[i], begins[i + 2] - begins[i]));
}

}  // namespace

std::optional<Run> RunReader::next() {
  std::size_t at = 0;
  std::size_t behind = 0;
  Class first = Class::parting;
  while (at < rest_.size() && (first = class_at(rest_, at, behind)) == Class::parting) at = behind;
  if (at == rest_.size()) {
    rest_ = {};
    return std::nullopt;
  }
  const std::size_t begin = at;
  at = behind;
  while (at < rest_.size() && class_at(rest_, at, behind) == first) at = behind;
  const Run run{rest_.substr(begin, at - begin), first == Class::dense};
  rest_.remove_prefix(at);
  return run;
}

void each_term(const Run& run, const std::function<void(std::string_view)>& each) {
  if (run.dense) return each_pair(run.octets, each);
  if (run.octets.size() <= kTermMax) return each(run.octets);
  for (std::size_t at = 0; at + kTermMax < run.octets.size(); at += kTermWhole) each(run.octets.substr(at, kTermMax));
  each(run.octets.substr(run.octets.size() - kTermMax));
}

}  // namespace angarium::message
