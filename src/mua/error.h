// What goes wrong for a user of mail(1).
#pragma once

#include "base/result.h"
#include "box/box.h"

namespace angarium::mua {

/// A command, an option or a list of messages that means nothing. The text is for the user.
inline constexpr ErrorKind kUsage{"mua.usage", Fault::user, Lasting::permanent};
using box::kHost;

}  // namespace angarium::mua
