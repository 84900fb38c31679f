#include "base/text.h"
#include "sasl/crypto.h"
#include "sasl/prepare.h"
#include "sasl/scram.h"
#include "sasl/scram_proof.h"
#include "sasl/secret.h"

namespace angarium::sasl {

Result<ClientSecrets> client_secrets(std::string_view prepared_password, std::string_view salt,
                                     std::uint32_t iterations, Hash hash) {
  // RFC 5802 §3
  const Secret salted(TRY(hi(hash, prepared_password, salt, iterations)));
  ClientSecrets secrets;
  secrets.client_key = Secret(TRY(hmac(hash, salted.view(), "Client Key")));
  secrets.server_key = Secret(TRY(hmac(hash, salted.view(), "Server Key")));
  return secrets;
}

Result<ScramKeys> scram_keys(std::string_view password, std::string_view salt, std::uint32_t iterations, Hash hash) {
  if (iterations < kStoredIterationsMin || iterations > kStoredIterationsMax)
    return fail(kIterations, "the iteration count is out of bounds");
  if (salt.empty() || salt.size() > kSaltMax) return fail(kMalformed, "the salt is empty or too long");
  const Secret prepared(TRY(prepare(password, kPasswordMax)));
  const ClientSecrets secrets = TRY(client_secrets(prepared.view(), salt, iterations, hash));
  ScramKeys keys{.hash = hash,
                 .iterations = iterations,
                 .salt = std::string(salt),
                 .stored_key = {},
                 .server_key = std::string(secrets.server_key.view())};
  keys.stored_key = TRY(digest(hash, secrets.client_key.view()));
  return keys;
}

Result<ScramKeys> fake_scram_keys(std::string_view key, std::string_view prepared_name, std::uint32_t iterations,
                                  Hash hash) {
  const std::string name = to_lower(prepared_name);
  // Each value from its own label, so that what is shown (the salt) says nothing about the keys.
  const std::string_view suffix = hash == Hash::sha1 ? "1" : hash == Hash::sha256 ? "256" : "512";
  // Cut from what is long enough; the salts that users of the shorter hashes were shown stay as they were.
  const Hash by = hash == Hash::sha512 ? Hash::sha512 : Hash::sha256;
  auto made = [&](std::string_view label) {
    return hmac(by, key, std::string(label) + std::string(suffix) + '\0' + name);
  };
  ScramKeys keys{.hash = hash, .iterations = iterations, .salt = {}, .stored_key = {}, .server_key = {}};
  keys.salt = TRY(made("salt")).substr(0, kSaltOctets);
  keys.stored_key = TRY(made("stored")).substr(0, digest_octets(hash));
  keys.server_key = TRY(made("server")).substr(0, digest_octets(hash));
  return keys;
}

Result<std::string> client_proof(const ClientSecrets& secrets, std::string_view auth_message, Hash hash) {
  const std::string stored_key = TRY(digest(hash, secrets.client_key.view()));
  std::string proof = TRY(hmac(hash, stored_key, auth_message));
  exclusive_or(proof, secrets.client_key.view());
  return proof;
}

Result<bool> proof_is_right(const ScramKeys& keys, std::string_view proof, std::string_view auth_message) {
  if (proof.size() != digest_octets(keys.hash)) return false;
  std::string client_key = TRY(hmac(keys.hash, keys.stored_key, auth_message));
  exclusive_or(client_key, proof);
  const std::string stored_key = TRY(digest(keys.hash, client_key));
  wipe(client_key);
  return equal_constant_time(stored_key, keys.stored_key);
}

void exclusive_or(std::string& octets, std::string_view with) {
  for (std::size_t i = 0; i < octets.size() && i < with.size(); ++i) octets[i] = static_cast<char>(octets[i] ^ with[i]);
}

}  // namespace angarium::sasl
