// The kinds of error that sockets, streams and thread pools give.
#pragma once

#include <string_view>

#include "base/result.h"

namespace angarium::io {

inline constexpr ErrorKind kEndOfStream{"io.end-of-stream", Fault::dependency, Lasting::permanent};
inline constexpr ErrorKind kReset{"io.reset", Fault::dependency, Lasting::temporary};
inline constexpr ErrorKind kRefused{"io.refused", Fault::dependency, Lasting::temporary};
inline constexpr ErrorKind kUnreachable{"io.unreachable", Fault::dependency, Lasting::temporary};
inline constexpr ErrorKind kAddressInUse{"io.address-in-use", Fault::user, Lasting::temporary};
inline constexpr ErrorKind kNotPermitted{"io.not-permitted", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kNoDescriptors{"io.no-descriptors", Fault::dependency, Lasting::temporary};
inline constexpr ErrorKind kBadAddress{"io.bad-address", Fault::syntax, Lasting::permanent};
/// A pool whose queue is full.
inline constexpr ErrorKind kBusy{"io.busy", Fault::dependency, Lasting::temporary};
/// Any other failure of a system call; the text names it.
inline constexpr ErrorKind kSystem{"io.system", Fault::dependency, Lasting::temporary};
/// What this body of a stream or loop can't do at all.
inline constexpr ErrorKind kUnsupported{"io.unsupported", Fault::ours, Lasting::permanent};

/// The error of a failed system call: `number` is errno, `what` the call and its object.
Error system_error(int number, std::string_view what);

}  // namespace angarium::io
