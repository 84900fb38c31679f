// The arithmetic of SCRAM (RFC 5802 §3), shared by both sides.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sasl/scram.h"
#include "sasl/secret.h"

namespace angarium::sasl {

/// What a client derives from its password.
struct ClientSecrets {
  Secret client_key;
  Secret server_key;
};

Result<ClientSecrets> client_secrets(std::string_view prepared_password, std::string_view salt,
                                     std::uint32_t iterations, Hash hash);
/// ClientKey XOR HMAC(H(ClientKey), AuthMessage)
Result<std::string> client_proof(const ClientSecrets& secrets, std::string_view auth_message, Hash hash);
/// Whether the proof was made with the password behind `keys`. Takes the same time for any proof of the right length.
Result<bool> proof_is_right(const ScramKeys& keys, std::string_view proof, std::string_view auth_message);
void exclusive_or(std::string& octets, std::string_view with);

}  // namespace angarium::sasl
