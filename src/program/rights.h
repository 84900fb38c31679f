// Whose rights a command works with in folders of others.
#pragma once

#include <string>

#include "base/result.h"

namespace angarium::program {

/// Root only; for others it does nothing: becomes for good the user who could change what stands at the path, the owner
/// of the first part of it that is not root's. Links that he, or whoever comes after, makes below lead nowhere he may
/// not go himself. What is not there yet counts as its folder. kSystem: a link on the way is not root's.
Result<> take_owners_rights(const std::string& path);

}  // namespace angarium::program
