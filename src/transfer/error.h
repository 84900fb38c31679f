// The kinds of error of moving house.
#pragma once

#include "base/result.h"

namespace angarium::transfer {

/// A source or target on this host cannot be read or written, or is none.
inline constexpr ErrorKind kPlace{"transfer.place", Fault::user, Lasting::permanent};
/// A file changed while it was read: doing the same again goes on from there.
inline constexpr ErrorKind kChanged{"transfer.changed", Fault::dependency, Lasting::temporary};
/// A file was written anew while it was read: read again from its beginning, it gives the rest.
inline constexpr ErrorKind kRewritten{"transfer.rewritten", Fault::dependency, Lasting::temporary};
/// What stands at the target was made by somebody else.
inline constexpr ErrorKind kForeign{"transfer.foreign", Fault::user, Lasting::permanent};
/// A server refuses a mailbox.
inline constexpr ErrorKind kNotTaken{"transfer.not-taken", Fault::user, Lasting::permanent};
/// The other end of the talk went away or said what it must not say.
inline constexpr ErrorKind kTalkEnded{"transfer.talk-ended", Fault::dependency, Lasting::temporary};
/// The server refused to go on: it has no room, or the account has none.
inline constexpr ErrorKind kRefused{"transfer.refused", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kRefusedNow{"transfer.refused-now", Fault::dependency, Lasting::temporary};

}  // namespace angarium::transfer
