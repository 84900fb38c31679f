// The kinds of error of buffers between a stream and a protocol.
#pragma once

#include "base/result.h"

namespace angarium::wire {

/// A line longer than the protocol allows. The rest of it is skipped; the next line can be read.
inline constexpr ErrorKind kLineTooLong{"wire.line-too-long", Fault::syntax, Lasting::permanent};
/// The buffer is full of octets that nobody takes.
inline constexpr ErrorKind kInputFull{"wire.input-full", Fault::ours, Lasting::permanent};

}  // namespace angarium::wire
