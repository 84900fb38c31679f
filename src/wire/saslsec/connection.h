// A connection under the security layer of a SASL mechanism (RFC 4422 §3.7).
#pragma once

#include <memory>
#include <string_view>

#include "sasl/layer.h"
#include "wire/connection/connection.h"

namespace angarium::wire::saslsec {

/// Octets of the length before each buffer.
inline constexpr std::size_t kLengthOctets = 4;

/// From the outcome of the exchange on, all that either side says goes through here. `below` is the connection so far,
/// which stays its owner's and must outlive this; all that was written to it must have been sent. `received`: what came
/// behind the outcome and was read already (a client's matter; a server that finds such octets has been lied to).
/// A buffer that is too long or not its peer's closes the connection with sasl::kLayer; so does an end amid a buffer.
/// No TLS begins under a layer. Octets that try_write() did not take are to be given again, as with TLS.
std::unique_ptr<Connection> secured(Connection& below, std::unique_ptr<sasl::SecurityLayer> layer,
                                    std::string_view received = {});

}  // namespace angarium::wire::saslsec
