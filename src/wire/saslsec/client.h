// A client's exchange on a connection: which mechanism, and what lies over the connection afterwards.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "sasl/mechanism.h"
#include "wire/connection/connection.h"
#include "wire/framing/input.h"

namespace angarium::wire::saslsec {

/// The mechanism to use, of those the server names; null: nothing that both have is safe here. What `credentials` have
/// to know of the connection and the list is filled in: bindings and plus_offered; under TLS they want no layer. TLS
/// over which no password may go (`plaintext`) is one whose other end nobody knows: a proof has to bind it, or to let
/// the server notice that it could (sasl::Peer).
const sasl::Mechanism* choose_on(const Connection& connection, std::span<const std::string_view> names,
                                 sasl::ClientContext& credentials, sasl::Plaintext plaintext, sasl::Choice::Weak weak);

/// After finish(): `below`, which stays its owner's, under the layer that was agreed on; null: there is none. What
/// `input` holds came behind the outcome, so that it is the layer's.
std::unique_ptr<Connection> secured(Connection& below, sasl::ClientExchange& exchange, Input& input);

}  // namespace angarium::wire::saslsec
