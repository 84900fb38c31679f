// MD4, RC4 and the contexts of MD5 are to be had without the legacy provider only by functions that OpenSSL 3 calls
// deprecated.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "sasl/legacy.h"

#include <openssl/evp.h>
#include <openssl/md4.h>
#include <openssl/md5.h>
#include <openssl/rc4.h>

#include <array>

#include "base/text.h"

namespace angarium::sasl {
namespace {

constexpr std::size_t kDigestOctets = 16;
constexpr std::size_t kBlockOctets = 64;  ///< of MD5

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::unexpected<Error> refused() { return fail(kBroken, "the cryptographic library refused an old cipher or digest"); }

/// The state of MD5 after one block, least significant octet first.
std::string state_after(const std::string& block) {
  MD5_CTX context;
  MD5_Init(&context);
  MD5_Update(&context, block.data(), block.size());
  std::string state;
  for (const MD5_LONG word : {context.A, context.B, context.C, context.D})
    for (unsigned shift = 0; shift < 32; shift += 8) state += static_cast<char>(word >> shift & 0xFF);
  OPENSSL_cleanse(&context, sizeof context);
  return state;
}

/// The digest of a block known only by the state after it, and `octets`.
std::string finish_from(std::string_view state, std::string_view octets) {
  MD5_CTX context;
  MD5_Init(&context);
  const std::array<MD5_LONG*, 4> words = {&context.A, &context.B, &context.C, &context.D};
  for (std::size_t i = 0; i < kDigestOctets; ++i) {
    MD5_LONG& word = *words[i / 4];
    if (i % 4 == 0) word = 0;
    word |= static_cast<MD5_LONG>(static_cast<unsigned char>(state[i])) << (i % 4 * 8);
  }
  context.Nl = kBlockOctets * 8;
  MD5_Update(&context, octets.data(), octets.size());
  std::string result(kDigestOctets, '\0');
  MD5_Final(bytes(result), &context);
  OPENSSL_cleanse(&context, sizeof context);
  return result;
}

class Rc4 final : public Cipher {
 public:
  explicit Rc4(std::string_view key) { RC4_set_key(&key_, static_cast<int>(key.size()), bytes(key)); }
  ~Rc4() override { OPENSSL_cleanse(&key_, sizeof key_); }
  [[nodiscard]] std::size_t block_octets() const override { return 1; }
  Result<> apply(std::string& octets) override {
    RC4(&key_, octets.size(), bytes(octets), bytes(octets));
    return {};
  }

 private:
  RC4_KEY key_{};
};

class DesCbc final : public Cipher {
 public:
  DesCbc() : context_(EVP_CIPHER_CTX_new()) {}
  ~DesCbc() override { EVP_CIPHER_CTX_free(context_); }
  /// `key`: 16 octets with parity.
  Result<> begin(const std::string& key, std::string_view initial, CipherUse use) {
    if (context_ == nullptr || EVP_CipherInit_ex(context_, EVP_des_ede_cbc(), nullptr, bytes(key), bytes(initial),
                                                 use == CipherUse::encrypt ? 1 : 0) != 1)
      return refused();
    EVP_CIPHER_CTX_set_padding(context_, 0);
    return {};
  }
  [[nodiscard]] std::size_t block_octets() const override { return 8; }
  Result<> apply(std::string& octets) override {
    if (octets.size() % block_octets() != 0 || octets.size() > kCipherMax) return refused();
    int made = 0;
    if (EVP_CipherUpdate(context_, bytes(octets), &made, bytes(octets), static_cast<int>(octets.size())) != 1 ||
        static_cast<std::size_t>(made) != octets.size())
      return refused();
    return {};
  }

 private:
  static constexpr std::size_t kCipherMax = 1U << 30U;  ///< the library counts in int
  EVP_CIPHER_CTX* context_;
};

/// Seven octets as eight: seven bits each and one of parity, which nobody looks at but which is odd all the same.
std::string with_parity(std::string_view key) {
  std::string result;
  std::uint64_t bits = 0;
  for (const char c : key) bits = bits << 8U | static_cast<unsigned char>(c);
  for (unsigned i = 0; i < 8; ++i) {
    const auto seven = static_cast<unsigned>(bits >> (49 - 7 * i) & 0x7F);
    result += static_cast<char>(seven << 1U | (__builtin_popcount(seven) % 2 == 0 ? 1U : 0U));
  }
  return result;
}

}  // namespace

Result<std::string> md4(std::string_view octets) {
  std::string result(kDigestOctets, '\0');
  if (MD4(bytes(octets), octets.size(), bytes(result)) == nullptr) return refused();
  return result;
}

Result<Secret> hmac_md5_contexts(std::string_view key) {
  std::string block(kBlockOctets, '\0');
  if (key.size() > kBlockOctets) {
    MD5(bytes(key), key.size(), bytes(block));
  } else {
    block.replace(0, key.size(), key);
  }
  std::string outer = block;
  for (char& c : block) c = static_cast<char>(c ^ 0x36);
  for (char& c : outer) c = static_cast<char>(c ^ 0x5C);
  std::string result = state_after(block);
  result += state_after(outer);
  wipe(block);
  wipe(outer);
  return Secret(std::move(result));
}

Result<std::string> hmac_md5_by(std::string_view contexts, std::string_view octets) {
  if (contexts.size() != 2 * kDigestOctets) return refused();
  return finish_from(contexts.substr(kDigestOctets), finish_from(contexts.substr(0, kDigestOctets), octets));
}

std::unique_ptr<Cipher> rc4(std::string_view key) { return std::make_unique<Rc4>(key); }

Result<std::unique_ptr<Cipher>> des_cbc(std::string_view key, std::string_view initial, CipherUse use) {
  if ((key.size() != 7 && key.size() != 14) || initial.size() != 8) return refused();
  // DES-EDE with twice the same key is DES.
  const std::string_view second = key.size() == 14 ? key.substr(7) : key;
  const Secret keys(with_parity(key.substr(0, 7)) + with_parity(second));
  auto cipher = std::make_unique<DesCbc>();
  TRY(cipher->begin(std::string(keys.view()), initial, use));
  return cipher;
}

}  // namespace angarium::sasl
