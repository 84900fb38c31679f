// Names of hosts as the other programs of this host find them: for commands, which run without the server's resolver.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/address.h"

namespace angarium::io {

/// Nobody knows a host of that name, or it has no address.
inline constexpr ErrorKind kNoHost{"io.no-host", Fault::user, Lasting::permanent};

/// The addresses of a host, a name or an address, in the order the system prefers (RFC 6724). Blocks: never on a loop
/// that serves others. kNoHost; kUnreachable where asking again may help.
Result<std::vector<Endpoint>> look_up_host(const std::string& host, std::uint16_t port);

}  // namespace angarium::io
