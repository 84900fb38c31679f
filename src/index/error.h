// Kinds of error of this room.
#pragma once

#include "base/result.h"

namespace angarium::index {

/// Octets of the index that are none of ours: it has to be made anew from the mail.
inline constexpr ErrorKind kDamaged{"index.damaged", Fault::ours, Lasting::permanent};
/// Somebody else changed the account's index meanwhile: read its state again.
inline constexpr ErrorKind kChanged{"index.changed", Fault::user, Lasting::temporary};
/// It was asked to stop before it had ended.
inline constexpr ErrorKind kEnded{"index.ended", Fault::ours, Lasting::temporary};

}  // namespace angarium::index
