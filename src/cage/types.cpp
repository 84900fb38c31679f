#include "cage/types.h"

#include <algorithm>

#include "base/text.h"

namespace angarium::cage {

bool serves(const Policy& policy, const User& user, uid_t own) {
  if (user.uid == 0 || user.gid == 0 || std::ranges::find(policy.excluded, user.name) != policy.excluded.end())
    return false;
  if (own != 0) return user.uid == own;
  return user.uid >= policy.uid_min && user.uid <= policy.uid_max;
}

bool plausible_user_name(std::string_view name) {
  if (name.empty() || name.size() > kUserNameMax || name.front() == '-' || name.front() == '.') return false;
  return std::ranges::all_of(name, [](char c) { return is_alnum(c) || !is_ascii(c) || "-._+"sv.contains(c); });
}

}  // namespace angarium::cage
