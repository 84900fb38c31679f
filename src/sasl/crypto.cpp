#include "sasl/crypto.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <climits>

namespace angarium::sasl {
namespace {

const EVP_MD* algorithm(Hash hash) { return hash == Hash::sha1 ? EVP_sha1() : EVP_sha256(); }

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::unexpected<Error> refused() { return fail(kBroken, "the cryptographic library refused a digest"); }

}  // namespace

Result<std::string> digest(Hash hash, std::string_view octets) {
  std::string result(digest_octets(hash), '\0');
  if (EVP_Digest(octets.data(), octets.size(), bytes(result), nullptr, algorithm(hash), nullptr) != 1) return refused();
  return result;
}

Result<std::string> hmac(Hash hash, std::string_view key, std::string_view octets) {
  if (key.size() > INT_MAX) return refused();
  std::string result(digest_octets(hash), '\0');
  // A null key would mean "the key used before".
  const void* start = key.empty() ? "" : key.data();
  if (HMAC(algorithm(hash), start, static_cast<int>(key.size()), bytes(octets), octets.size(), bytes(result),
           nullptr) == nullptr)
    return refused();
  return result;
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
