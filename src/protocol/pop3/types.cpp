#include "protocol/pop3/types.h"

#include <array>
#include <utility>

#include "base/text.h"

namespace angarium::protocol::pop3 {
namespace {

constexpr std::array<std::pair<Code, std::string_view>, 7> kCodes = {{{Code::none, ""},
                                                                      {Code::in_use, "IN-USE"},
                                                                      {Code::login_delay, "LOGIN-DELAY"},
                                                                      {Code::sys_temp, "SYS/TEMP"},
                                                                      {Code::sys_perm, "SYS/PERM"},
                                                                      {Code::auth, "AUTH"},
                                                                      {Code::utf8, "UTF8"}}};

}  // namespace

std::string_view to_text(Code code) { return kCodes[static_cast<std::size_t>(code)].second; }

Code code_of(std::string_view text) {
  for (const auto& [code, name] : kCodes)
    if (equals_ignore_case(text, name)) return code;
  return Code::none;
}

}  // namespace angarium::protocol::pop3
