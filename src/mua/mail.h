// mail(1): the door of the room.
#pragma once

#include "mua/options.h"
#include "mua/surroundings.h"

namespace angarium::mua {

/// What mail(1) ends with besides the codes of a submission that failed (sysexits.h).
inline constexpr int kDone = 0;
inline constexpr int kNone = 1;  ///< no mail (-e, -H, reading), or a box that could not be written
inline constexpr int kUsageExit = 64;
inline constexpr int kDataExit = 65;
inline constexpr int kTemporaryExit = 75;

/// Does what the options say. Settings: /etc/mail.rc (unless -n), then $MAILRC or ~/.mailrc, then -S.
int mail(Surroundings& here, const Options& options, const std::string& mailrc);

}  // namespace angarium::mua
