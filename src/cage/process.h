// The steward's own loop.
#pragma once

#include <initializer_list>

#include "cage/host.h"
#include "cage/servant.h"
#include "cage/socket.h"
#include "cage/types.h"

namespace angarium::cage {

/// Serves requests, each in a child, until the other end of the channel is closed. In a process with one thread.
/// `order`: Steward::start().
void run_steward(Descriptor channel, const Policy& policy, Host& host, Servant* servant, Descriptor order = {});

/// Makes this process one that holds nothing of its parent's but standard error and what is `kept`.
void seclude(std::initializer_list<const Descriptor*> kept);

}  // namespace angarium::cage
