// A message of the queue in the form that a certain server can take: as it was received, or made 7-bit.
#pragma once

#include <memory>

#include "agent/services.h"
#include "protocol/smtp/client.h"
#include "queue/types.h"

namespace angarium::agent {

/// The server takes 7-bit messages only, and this one cannot be made one without damage (RFC 6152 §3: it goes back).
inline constexpr ErrorKind kNotConvertible{"agent.not-convertible", Fault::dependency, Lasting::permanent};
/// The same for the sake of octets above 127 in a header.
inline constexpr ErrorKind kHeaderNotConvertible{"agent.header-not-convertible", Fault::dependency, Lasting::permanent};

struct Outgoing {
  protocol::smtp::MessageFacts facts;
  std::unique_ptr<protocol::smtp::MessageSource> source;
  bool converted = false;
};

/// A server without 8BITMIME gets 8-bit messages, and one without BINARYMIME binary ones, with their bodies in
/// quoted-printable or base64 (message/seven_bit.h); the pool does it, piece by piece. kNotConvertible,
/// kHeaderNotConvertible; errors of the store.
io::Task<Result<Outgoing>> outgoing(Services& services, queue::EntryPtr entry,
                                    const protocol::smtp::Extensions& extensions);

}  // namespace angarium::agent
