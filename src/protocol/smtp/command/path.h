// What MAIL and RCPT share.
#pragma once

#include <string_view>

#include "base/text.h"
#include "envelope/path.h"
#include "protocol/smtp/policy.h"

namespace angarium::protocol::smtp::command {

/// Takes "FROM:" or "TO:" off the front, without regard to case.
inline bool take_keyword(std::string_view& arguments, std::string_view keyword) {
  if (!starts_with_ignore_case(arguments, keyword)) return false;
  arguments.remove_prefix(keyword.size());
  return true;
}

/// Real clients put a blank before the path, leave the brackets out, and have underscores in domains.
inline envelope::PathOptions path_options(const Policy& policy, envelope::Utf8 utf8) {
  return {.utf8 = utf8, .grammar = envelope::PathOptions::Grammar::tolerant, .default_domain = policy.default_domain};
}

}  // namespace angarium::protocol::smtp::command
