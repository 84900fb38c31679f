#include "protocol/pop3/state.h"

#include <algorithm>

#include "base/text.h"

namespace angarium::protocol::pop3 {

const Rule* find_rule(std::string_view keyword) {
  const auto found =
      std::ranges::find_if(kRules, [&](const Rule& rule) { return equals_ignore_case(rule.keyword, keyword); });
  return found == kRules.end() ? nullptr : &*found;
}

bool is_foreign(std::string_view line) {
  constexpr std::array<std::string_view, 7> kMethods = {"GET ",     "POST ",    "PUT ",   "HEAD ",
                                                        "OPTIONS ", "CONNECT ", "DELETE "};
  return std::ranges::any_of(kMethods, [&](std::string_view method) { return line.starts_with(method); });
}

}  // namespace angarium::protocol::pop3
