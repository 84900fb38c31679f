#include "protocol/smtp/state.h"

#include "base/text.h"

namespace angarium::protocol::smtp {
namespace {

/// Up to eight letters in one number, upper case; what is longer or holds other octets is 0.
constexpr std::uint64_t pack(std::string_view word) {
  if (word.empty() || word.size() > 8) return 0;
  std::uint64_t packed = 0;
  for (const char c : word) {
    if (!is_alpha(c)) return 0;
    packed = packed << 8 | static_cast<unsigned char>(to_upper(c));
  }
  return packed;
}

constexpr std::array<std::uint64_t, kVerbs> kPacked = [] {
  std::array<std::uint64_t, kVerbs> packed{};
  for (std::size_t i = 0; i < kVerbs; ++i) packed[i] = pack(kRules[i].name);
  return packed;
}();

constexpr std::array kForeign = {"GET"sv,     "POST"sv,          "PUT"sv,   "HEAD"sv,       "DELETE"sv,
                                 "CONNECT"sv, "OPTIONS"sv,       "TRACE"sv, "PATCH"sv,      "PRI"sv,
                                 "PROXY"sv,   "CONTENT-TYPE:"sv, "HOST:"sv, "USER-AGENT:"sv};

}  // namespace

Verb verb_of(std::string_view word) {
  const std::uint64_t packed = pack(word);
  if (packed == 0) return Verb::unknown;
  for (std::size_t i = 0; i < kVerbs; ++i)
    if (kPacked[i] == packed) return static_cast<Verb>(i);
  return Verb::unknown;
}

bool is_foreign(std::string_view word) {
  for (const std::string_view foreign : kForeign)
    if (equals_ignore_case(word, foreign)) return true;
  return false;
}

}  // namespace angarium::protocol::smtp
