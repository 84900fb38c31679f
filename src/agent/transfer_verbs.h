// What the command line asks of the server to bring mail in and to take it out: talks, not requests.
#pragma once

#include "agent/services.h"
#include "control/server.h"

namespace angarium::agent {

/// Opens these talks, for those who may administer:
///
///     transfer.import address    transfer::receive()
///     transfer.export address    transfer::give()
///
/// What the command reads and writes on this host it does with its own user's rights: the server sees messages only.
control::Opener transfers(Services& services);

}  // namespace angarium::agent
