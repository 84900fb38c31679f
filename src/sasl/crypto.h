// The few primitives the mechanisms need, from OpenSSL.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sasl/types.h"

namespace angarium::sasl {

/// Octets of a digest.
constexpr std::size_t digest_octets(Hash hash) {
  switch (hash) {
    case Hash::sha1: return 20;
    case Hash::sha256: return 32;
    case Hash::sha512: return 64;
  }
  return 0;
}

Result<std::string> digest(Hash hash, std::string_view octets);
Result<std::string> hmac(Hash hash, std::string_view key, std::string_view octets);
/// For the mechanisms that were made with it: 16 octets each.
Result<std::string> md5(std::string_view octets);
Result<std::string> hmac_md5(std::string_view key, std::string_view octets);
/// Hi() of RFC 5802 §2.2, which is PBKDF2 with one block. Costs about half a microsecond an iteration: not for a loop.
Result<std::string> hi(Hash hash, std::string_view password, std::string_view salt, std::uint32_t iterations);

}  // namespace angarium::sasl
