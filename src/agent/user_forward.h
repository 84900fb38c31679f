// A user's .forward, as the steward has read it, for who follows aliases: without includes, which only the user may
// read.
#pragma once

#include <optional>

#include "alias/source.h"
#include "cage/message.h"

namespace angarium::agent {

/// Nothing when there is none, or it is not the user's own. What stands in included files takes their place; a command
/// or file in one that others may write, and a file that cannot be read, becomes a Bad target: the mail waits.
/// alias::kUnreadableFile when the .forward itself cannot be read.
Result<std::optional<alias::Forward>> user_forward(cage::Forward forward);

}  // namespace angarium::agent
