// Ciphers and a digest that only old mechanisms still ask for. OpenSSL computes them; nothing here depends on its
// legacy provider, a file that a confined process could not load.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "sasl/secret.h"
#include "sasl/types.h"

namespace angarium::sasl {

/// 16 octets: for NTLM, S/Key and OTP.
Result<std::string> md4(std::string_view octets);

/// A key stretched to what HMAC-MD5 is of its inner and outer block (RFC 2195 §2, "contexts"): 32 octets that stand for
/// the key and from which it can't be had back. One block each.
Result<Secret> hmac_md5_contexts(std::string_view key);
/// HMAC-MD5 by such contexts, 16 octets.
Result<std::string> hmac_md5_by(std::string_view contexts, std::string_view octets);

/// A cipher whose state goes on from one call to the next. One thread at a time.
class Cipher {
 public:
  virtual ~Cipher() = default;
  Cipher(const Cipher&) = delete;
  Cipher& operator=(const Cipher&) = delete;
  [[nodiscard]] virtual std::size_t block_octets() const = 0;
  /// In place; whole blocks only.
  virtual Result<> apply(std::string& octets) = 0;

 protected:
  Cipher() = default;
};

enum class CipherUse { encrypt, decrypt };

/// `key`: 1 to 256 octets.
std::unique_ptr<Cipher> rc4(std::string_view key);
/// DES in CBC mode: seven octets of key are single DES, fourteen are DES-EDE with two keys; parity bits are put in
/// here. `initial`: 8 octets.
Result<std::unique_ptr<Cipher>> des_cbc(std::string_view key, std::string_view initial, CipherUse use);

}  // namespace angarium::sasl
