// The server's end of an export: tells what mailboxes there are, and gives their messages.
#pragma once

#include "io/stream.h"
#include "io/task.h"
#include "transfer/receive.h"

namespace angarium::transfer {

/// Holds the talk (frames.h) until the command ends it. Messages are given as they were received, trace fields first.
io::Task<> give(io::Stream& stream, Desk desk);

}  // namespace angarium::transfer
