// The public keys by which tokens are verified: a JWK set (RFC 7517).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct evp_pkey_st;  // OpenSSL's

namespace angarium::token {

/// Octets of a set, and keys in it: issuers publish a few.
inline constexpr std::size_t kSetMax = 256 << 10;
inline constexpr std::size_t kKeysMax = 64;
/// Bits of an RSA modulus: RFC 7518 §3.3 for the lower bound; larger ones only cost time.
inline constexpr int kRsaBitsMin = 2048;
inline constexpr int kRsaBitsMax = 8192;

/// No JWK set, or one without a key that we can use.
inline constexpr ErrorKind kBadKeys{"token.bad-keys", Fault::dependency, Lasting::temporary};

enum class KeyType : std::uint8_t { rsa, p256, p384, ed25519 };

struct Key {
  std::string id;         ///< "kid"; may be empty
  std::string algorithm;  ///< "alg": the only one it is for; empty: any of its type
  KeyType type = KeyType::rsa;
  std::shared_ptr<evp_pkey_st> key;
};
using KeySet = std::vector<Key>;

/// Keys of other types and for other uses are passed over, symmetric ones too: whoever knows those could make tokens.
/// kBadKeys when none is left.
Result<KeySet> parse_keys(std::string_view json);

}  // namespace angarium::token
