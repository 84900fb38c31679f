// The addresses of this host.
#pragma once

#include <vector>

#include "io/address.h"

namespace angarium::io {

/// Those of all interfaces that are up, loopback and link-local ones too, each once; none when the system does not
/// tell.
std::vector<IpAddress> interface_addresses();

}  // namespace angarium::io
