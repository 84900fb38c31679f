#include "sasl/crypto.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <climits>

namespace angarium::sasl {
namespace {

const EVP_MD* algorithm(Hash hash) {
  switch (hash) {
    case Hash::sha1: return EVP_sha1();
    case Hash::sha256: return EVP_sha256();
    case Hash::sha512: return EVP_sha512();
  }
  return nullptr;
}

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::unexpected<Error> refused() { return fail(kBroken, "the cryptographic library refused a digest"); }

constexpr std::size_t kMd5Octets = 16;

Result<std::string> digest(const EVP_MD* algorithm, std::size_t size, std::string_view octets) {
  std::string result(size, '\0');
  if (EVP_Digest(octets.data(), octets.size(), bytes(result), nullptr, algorithm, nullptr) != 1) return refused();
  return result;
}

Result<std::string> hmac(const EVP_MD* algorithm, std::size_t size, std::string_view key, std::string_view octets) {
  if (key.size() > INT_MAX) return refused();
  std::string result(size, '\0');
  // A null key would mean "the key used before".
  const void* start = key.empty() ? "" : key.data();
  if (HMAC(algorithm, start, static_cast<int>(key.size()), bytes(octets), octets.size(), bytes(result), nullptr) ==
      nullptr)
    return refused();
  return result;
}

}  // namespace

Result<std::string> digest(Hash hash, std::string_view octets) {
  return digest(algorithm(hash), digest_octets(hash), octets);
}

Result<std::string> hmac(Hash hash, std::string_view key, std::string_view octets) {
  return hmac(algorithm(hash), digest_octets(hash), key, octets);
}

Result<std::string> md5(std::string_view octets) { return digest(EVP_md5(), kMd5Octets, octets); }

Result<std::string> hmac_md5(std::string_view key, std::string_view octets) {
  return hmac(EVP_md5(), kMd5Octets, key, octets);
}

Result<std::string> hi(Hash hash, std::string_view password, std::string_view salt, std::uint32_t iterations) {
  if (password.size() > kPasswordMax || salt.size() > INT_MAX || iterations == 0 || iterations > INT_MAX)
    return refused();
  std::string result(digest_octets(hash), '\0');
  const char* start = password.empty() ? "" : password.data();
  if (PKCS5_PBKDF2_HMAC(start, static_cast<int>(password.size()), bytes(salt), static_cast<int>(salt.size()),
                        static_cast<int>(iterations), algorithm(hash), static_cast<int>(result.size()),
                        bytes(result)) != 1)
    return refused();
  return result;
}

}  // namespace angarium::sasl
