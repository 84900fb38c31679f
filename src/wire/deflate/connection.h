// A connection whose octets are compressed by DEFLATE in both directions (RFC 4978).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "wire/connection/connection.h"
#include "wire/deflate/coding.h"

namespace angarium::wire::deflate {

class Deflated : public Connection {
 public:
  /// Where the other side has ended its compression behind what was given out last: what it said since and was read
  /// already, behind what is left of a flush (octets 0 and 0xFF). Nothing: the end of the block is still to come, and
  /// to be waited for as always. Then nothing more is to be read here.
  virtual Result<std::optional<std::string>> take_rest() = 0;
};
/// A flush in DEFLATE is an empty block (RFC 1951 §3.2.4) that begins within an octet: 00 00 FF FF, and one more octet
/// 0 where the one before had no room for its three bits.
inline constexpr std::size_t kFlushOctets = 5;

/// From where the protocol agreed to it on, all that either side says goes through here. `below` is the connection so
/// far (with its TLS and its security layer: what is compressed is encrypted afterwards, RFC 4978 §3), which stays its
/// owner's and must outlive this; all that was written to it must have been sent. `received`: what came behind the
/// agreement and was read already. `burst`: see kBurst. What is no DEFLATE, or becomes far too much, closes the
/// connection with kBadData or kBomb. No TLS begins under compression. Octets that try_write() did not take are to be
/// given again, as with TLS.
std::unique_ptr<Deflated> deflated(Connection& below, std::string_view received = {}, std::uint64_t burst = kBurst);

}  // namespace angarium::wire::deflate
