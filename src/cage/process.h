// The steward's own loop.
#pragma once

#include "cage/host.h"
#include "cage/socket.h"
#include "cage/types.h"

namespace angarium::cage {

/// Serves requests, each in a child, until the other end of the channel is closed. In a process with one thread.
void run_steward(Descriptor channel, const Policy& policy, Host& host);

/// Makes this process one that holds nothing of its parent's but the channel and standard error.
void seclude(const Descriptor& channel);

}  // namespace angarium::cage
