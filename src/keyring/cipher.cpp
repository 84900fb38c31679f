#include "keyring/cipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <climits>

namespace angarium::keyring {
namespace {

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes(char* text) { return reinterpret_cast<unsigned char*>(text); }

/// Looked up once: EVP_aes_256_gcm() has it looked up at each use.
const EVP_CIPHER* aes_256_gcm() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

Result<> refused() { return fail(kBroken, "the cryptographic library refused a cipher"); }
Result<> not_opened() { return fail(kNotOpened, "sealed octets are damaged, or were sealed by another key"); }

}  // namespace

Key::Key(std::string_view octets) { octets.copy(octets_.data(), octets_.size()); }

Key Key::make(Random& random) {
  Key key;
  random.fill(key.octets_.data(), key.octets_.size());
  return key;
}

Key::~Key() { OPENSSL_cleanse(octets_.data(), octets_.size()); }

void wipe(std::string& octets) {
  OPENSSL_cleanse(octets.data(), octets.size());
  octets.clear();
}

void Cipher::Free::operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }

Cipher::Cipher(const Key& key, Direction direction) : context_(EVP_CIPHER_CTX_new()) {
  const bool ready = context_ != nullptr && aes_256_gcm() != nullptr &&
                     EVP_CipherInit_ex(context_.get(), aes_256_gcm(), nullptr, bytes(key.octets()), nullptr,
                                       static_cast<int>(direction)) == 1;
  if (!ready) context_.reset();
}

bool Cipher::run(std::string_view nonce, std::string_view about, std::string_view input, char* output) {
  int written = 0;
  return context_ != nullptr && nonce.size() == kNonceOctets && input.size() <= INT_MAX && about.size() <= INT_MAX &&
         EVP_CipherInit_ex(context_.get(), nullptr, nullptr, nullptr, bytes(nonce), -1) == 1 &&
         EVP_CipherUpdate(context_.get(), nullptr, &written, bytes(about), static_cast<int>(about.size())) == 1 &&
         EVP_CipherUpdate(context_.get(), bytes(output), &written, bytes(input), static_cast<int>(input.size())) == 1;
}

Result<> Cipher::seal(std::string_view nonce, std::string_view about, std::string_view plain, std::string& to) {
  const std::size_t before = to.size();
  to.resize(before + plain.size() + kTagOctets);
  char* const tag = to.data() + before + plain.size();
  int written = 0;
  if (run(nonce, about, plain, to.data() + before) && EVP_CipherFinal_ex(context_.get(), bytes(tag), &written) == 1 &&
      EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, kTagOctets, tag) == 1)
    return {};
  to.resize(before);
  return refused();
}

Result<> Cipher::open(std::string_view nonce, std::string_view about, std::string_view sealed, std::string& to) {
  if (context_ == nullptr) return refused();
  if (sealed.size() < kTagOctets) return not_opened();
  std::array<char, kTagOctets> tag{};
  sealed.substr(sealed.size() - kTagOctets).copy(tag.data(), tag.size());
  sealed.remove_suffix(kTagOctets);
  const std::size_t before = to.size();
  to.resize(before + sealed.size());
  std::array<unsigned char, EVP_MAX_BLOCK_LENGTH> rest{};
  int written = 0;
  if (run(nonce, about, sealed, to.data() + before) &&
      EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, kTagOctets, tag.data()) == 1 &&
      EVP_CipherFinal_ex(context_.get(), rest.data(), &written) == 1)
    return {};
  // Octets that nobody vouches for are shown to nobody.
  OPENSSL_cleanse(to.data() + before, to.size() - before);
  to.resize(before);
  return not_opened();
}

Result<std::string> seal(const Key& key, std::string_view plain, std::string_view about, Random& random) {
  std::string sealed = random.octets(kNonceOctets);
  sealed.reserve(kNonceOctets + plain.size() + kTagOctets);
  const std::string nonce = sealed;
  TRY(Cipher(key, Cipher::Direction::seal).seal(nonce, about, plain, sealed));
  return sealed;
}

Result<std::string> open(const Key& key, std::string_view sealed, std::string_view about) {
  if (sealed.size() < kNonceOctets) return fail(kNotOpened, "sealed octets are cut short");
  std::string plain;
  TRY(Cipher(key, Cipher::Direction::open)
          .open(sealed.substr(0, kNonceOctets), about, sealed.substr(kNonceOctets), plain));
  return plain;
}

}  // namespace angarium::keyring
