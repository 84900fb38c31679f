// The messages of SCRAM and their grammar (RFC 5802 §7). Function names follow the ABNF.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sasl/gs2_header.h"
#include "sasl/scram.h"
#include "sasl/types.h"

namespace angarium::sasl {

/// A nonce in octets, of one side or both together; nothing real comes near.
inline constexpr std::size_t kNonceMax = 512;
/// Random octets of a nonce we make, before base64.
inline constexpr std::size_t kNonceOctets = 18;

struct ClientFirst {
  Gs2Header gs2;
  std::string user;  ///< decoded, as received
  std::string nonce;
  std::string bare;  ///< client-first-message-bare as received, for AuthMessage
};
struct ServerFirst {
  std::string nonce;
  std::string salt;  ///< octets
  std::uint32_t iterations = 0;
};
struct ClientFinal {
  std::string cbind_input;  ///< octets
  std::string nonce;
  std::string proof;          ///< octets
  std::string without_proof;  ///< as received, for AuthMessage
};
/// Either the verifier or the reason why there is none.
struct ServerFinal {
  std::string verifier;  ///< octets; empty with an error
  std::string error;     ///< server-error-value; empty without
};

Result<ClientFirst> parse_client_first(std::string_view message);
Result<ServerFirst> parse_server_first(std::string_view message);
Result<ClientFinal> parse_client_final(std::string_view message);
Result<ServerFinal> parse_server_final(std::string_view message);

}  // namespace angarium::sasl
