// The user's host as the room mua sees it.
#pragma once

#include <string>

#include "mua/surroundings.h"

namespace angarium::program {

/// A variable of the environment; `otherwise` where it is not set or empty.
std::string environment(const char* name, std::string otherwise);
/// Files, home, editor, zone; `submit` does nothing yet.
mua::Surroundings surroundings_of(mua::Terminal& terminal, const std::string& login);

}  // namespace angarium::program
