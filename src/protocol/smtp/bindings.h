// Channel bindings of a connection, for both ends of AUTH.
#pragma once

#include <vector>

#include "sasl/types.h"
#include "wire/connection/connection.h"

namespace angarium::protocol::smtp {

/// What the connection can be bound to (RFC 9266, RFC 5929), the preferred first; nothing without TLS.
std::vector<sasl::ChannelBinding> channel_bindings(const wire::Connection& connection);

}  // namespace angarium::protocol::smtp
