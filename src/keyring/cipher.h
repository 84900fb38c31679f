// AES-256-GCM (NIST SP 800-38D): what is sealed cannot be read, nor changed unseen, without its key.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"

struct evp_cipher_ctx_st;  // EVP_CIPHER_CTX

namespace angarium::keyring {

/// Sealed by another key or for something else, cut short or changed.
inline constexpr ErrorKind kNotOpened{"keyring.not-opened", Fault::ours, Lasting::permanent};

inline constexpr std::size_t kKeyOctets = 32;
inline constexpr std::size_t kNonceOctets = 12;
inline constexpr std::size_t kTagOctets = 16;

/// A key, wiped from memory when it goes.
class Key {
 public:
  /// Of kKeyOctets octets; what is missing is NUL.
  explicit Key(std::string_view octets);
  static Key make(Random& random = system_random());
  Key(const Key&) = default;
  Key& operator=(const Key&) = default;
  ~Key();
  [[nodiscard]] std::string_view octets() const { return {octets_.data(), octets_.size()}; }
  friend bool operator==(const Key&, const Key&) = default;

 private:
  Key() = default;
  std::array<char, kKeyOctets> octets_{};
};

/// Makes secret octets unreadable, and the string empty.
void wipe(std::string& octets);

/// One key made ready for many sealings, or openings, in a row. One thread at a time.
class Cipher {
 public:
  enum class Direction : int { open = 0, seal = 1 };
  Cipher(const Key& key, Direction direction);

  /// Appends the hidden octets and their tag. A nonce is used once with a key.
  Result<> seal(std::string_view nonce, std::string_view about, std::string_view plain, std::string& to);
  /// Appends what was sealed about the same; where that fails `to` stays as it was. kNotOpened.
  Result<> open(std::string_view nonce, std::string_view about, std::string_view sealed, std::string& to);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  bool run(std::string_view nonce, std::string_view about, std::string_view input, char* output);
  std::unique_ptr<evp_cipher_ctx_st, Free> context_;  // null: the library refused
};

/// Nonce, hidden octets, tag. The nonce is 96 random bits: a key is good for 2^32 of them.
Result<std::string> seal(const Key& key, std::string_view plain, std::string_view about,
                         Random& random = system_random());
/// kNotOpened.
Result<std::string> open(const Key& key, std::string_view sealed, std::string_view about);

}  // namespace angarium::keyring
