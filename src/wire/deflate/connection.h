// A connection whose octets are compressed by DEFLATE in both directions (RFC 4978).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "wire/connection/connection.h"
#include "wire/deflate/coding.h"

namespace angarium::wire::deflate {

/// From where the protocol agreed to it on, all that either side says goes through here. `below` is the connection so
/// far (with its TLS and its security layer: what is compressed is encrypted afterwards, RFC 4978 §3), which stays its
/// owner's and must outlive this; all that was written to it must have been sent. `received`: what came behind the
/// agreement and was read already. `burst`: see kBurst. What is no DEFLATE, or becomes far too much, closes the
/// connection with kBadData or kBomb. No TLS begins under compression. Octets that try_write() did not take are to be
/// given again, as with TLS.
std::unique_ptr<Connection> deflated(Connection& below, std::string_view received = {}, std::uint64_t burst = kBurst);

}  // namespace angarium::wire::deflate
