#include "account/password.h"

#include <argon2.h>

#include <array>

#include "base/text.h"
#include "sasl/prepare.h"
#include "sasl/types.h"

namespace angarium::account {
namespace {

constexpr std::size_t kSaltOctets = 16;
constexpr std::size_t kHashOctets = 32;
constexpr std::uint32_t kLanes = 1;

Result<std::string> argon2id(std::string_view prepared, const PasswordCost& cost, Random& random) {
  const std::string salt = random.octets(kSaltOctets);
  std::string encoded(argon2_encodedlen(cost.passes, cost.memory_kib, kLanes, kSaltOctets, kHashOctets, Argon2_id),
                      '\0');
  const int code = argon2id_hash_encoded(cost.passes, cost.memory_kib, kLanes, prepared.data(), prepared.size(),
                                         salt.data(), salt.size(), kHashOctets, encoded.data(), encoded.size());
  if (code != ARGON2_OK) return fail(kOutOfMemory, std::string("Argon2id: ") + argon2_error_message(code));
  encoded.resize(encoded.find('\0'));
  return encoded;
}

}  // namespace

Result<Credentials> make_credentials(std::string_view password, const PasswordCost& cost, Random& random) {
  if (password.size() < kPasswordMin) return fail(kInvalid, "a password has at least one octet");
  auto prepared = sasl::prepare(password, sasl::kPasswordMax);
  if (!prepared) return fail(kInvalid, "this password cannot be used: " + prepared.error().text());
  Credentials credentials;
  credentials.argon2id = TRY(argon2id(*prepared, cost, random));
  for (sasl::Hash hash : {sasl::Hash::sha1, sasl::Hash::sha256})
    credentials.scram.push_back(
        TRY(sasl::scram_keys(password, random.octets(sasl::kSaltOctets), sasl::kScramIterations, hash)));
  wipe(*prepared);
  return credentials;
}

bool verify_password(std::string_view prepared, const std::string& encoded) {
  return argon2id_verify(encoded.c_str(), prepared.data(), prepared.size()) == ARGON2_OK;
}

Result<std::string> decoy_hash(const PasswordCost& cost, Random& random) {
  return argon2id(random.octets(kHashOctets), cost, random);
}

std::string generate_password(Random& random) {
  // 32 signs, so that five bits choose one without bias.
  constexpr std::string_view kSigns = "abcdefghijkmnpqrstuvwxyz23456789";
  static_assert(kSigns.size() == 32);
  std::string password;
  for (char octet : random.octets(20)) {
    if (password.size() % 5 == 4) password += '-';
    password += kSigns[static_cast<unsigned char>(octet) & 31];
  }
  return password;
}

}  // namespace angarium::account
