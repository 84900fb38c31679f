// What the command line asks of the server to bring mail in and to take it out: talks, not requests.
#pragma once

#include <functional>

#include "agent/location_of.h"
#include "agent/services.h"
#include "control/server.h"

namespace angarium::agent {

/// Opens these talks, for those who may administer:
///
///     transfer.import address    transfer::receive()
///     transfer.export address    transfer::give()
///
/// What the command reads and writes on this host it does with its own user's rights: the server sees messages only.
/// With the reply it is told where boxes of the account lie whose mail is here already, so that it leaves them alone:
///
///     {"location": text or "", "moved_in": whether the account has moved in from there, "in_configuration": whether
///     the place is that of [location] now, "moved_in_from": where the account moved in from, if that is another place
///     than [location] has for it now, or ""}
control::Opener transfers(Services& services, std::function<LocationTerms()> terms);

}  // namespace angarium::agent
