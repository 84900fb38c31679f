// Whose rights a command works with in folders of others.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace angarium::program {

/// What is done at the path.
enum class Access : std::uint8_t { reading, writing };

/// Root only; for others it does nothing: becomes for good the user who could change what stands at the path, the owner
/// of the first part of it that is not root's. Links that he, or whoever comes after, makes below lead nowhere he may
/// not go himself. What is not there yet counts as its folder. Gives the path, for root without root's own links.
/// kSystem: a link on the way is not root's; of writing, that part stands where others than root make folders, so that
/// whoever made it first would be given what is written.
Result<std::string> take_owners_rights(const std::string& path, Access access);

}  // namespace angarium::program
