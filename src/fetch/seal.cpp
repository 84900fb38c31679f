#include "fetch/seal.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>

#include "base/descriptor.h"

namespace angarium::fetch {
namespace {

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

enum class Direction : int { open = 0, seal = 1 };

/// `input` through the cipher, behind `about`; null when the library refuses.
Context run(Direction direction, std::string_view key, std::string_view nonce, std::string_view about,
            std::string_view input, std::string& output) {
  Context context(EVP_CIPHER_CTX_new());
  int written = 0;
  output.resize(input.size());
  const bool done =
      context != nullptr && input.size() <= INT_MAX && about.size() <= INT_MAX &&
      // A nonce of 12 octets is what the mode has by itself.
      EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes(key), bytes(nonce),
                        static_cast<int>(direction)) == 1 &&
      EVP_CipherUpdate(context.get(), nullptr, &written, bytes(about), static_cast<int>(about.size())) == 1 &&
      EVP_CipherUpdate(context.get(), bytes(output), &written, bytes(input), static_cast<int>(input.size())) == 1;
  if (!done) context.reset();
  return context;
}

/// GCM has nothing left to write at its end.
bool finish(EVP_CIPHER_CTX& context) {
  std::array<unsigned char, EVP_MAX_BLOCK_LENGTH> rest{};
  int written = 0;
  return EVP_CipherFinal_ex(&context, rest.data(), &written) == 1 && written == 0;
}

}  // namespace

Seal Seal::of(std::string_view key) {
  std::string whole(key.substr(0, kKeyOctets));
  whole.resize(kKeyOctets);
  return Seal(std::move(whole));
}

Result<Seal> Seal::read(const std::string& path) {
  const auto because = [&](const std::string& why) { return fail(kNoKey, path + ": " + why); };
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.get() < 0) return because(strerrordesc_np(errno));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return because(strerrordesc_np(errno));
  if (!S_ISREG(status.st_mode)) return because("not a file");
  if (status.st_uid != ::geteuid() && status.st_uid != 0) return because("belongs to another user");
  if ((status.st_mode & 077) != 0) return because("others may open it; make it 0600");
  std::string key(kKeyOctets + 1, '\0');
  const ssize_t count = ::read(file.get(), key.data(), key.size());
  if (count < 0) return because(strerrordesc_np(errno));
  if (static_cast<std::size_t>(count) != kKeyOctets) return because("a key has 32 octets");
  key.resize(kKeyOctets);
  return Seal(std::move(key));
}

Result<std::string> Seal::seal(std::string_view plain, std::string_view about, Random& random) const {
  const std::string nonce = random.octets(kNonceOctets);
  std::string hidden;
  const Context context = run(Direction::seal, key_, nonce, about, plain, hidden);
  std::string tag(kTagOctets, '\0');
  if (context == nullptr || !finish(*context) ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagOctets, tag.data()) != 1)
    return fail(kBroken, "the cryptographic library refused a cipher");
  return nonce + hidden + tag;
}

Result<std::string> Seal::open(std::string_view sealed, std::string_view about) const {
  if (sealed.size() < kNonceOctets + kTagOctets) return fail(kSealed, "a sealed password is cut short");
  const std::string_view nonce = sealed.substr(0, kNonceOctets);
  std::string tag(sealed.substr(sealed.size() - kTagOctets));
  const std::string_view hidden = sealed.substr(kNonceOctets, sealed.size() - kNonceOctets - kTagOctets);
  std::string plain;
  const Context context = run(Direction::open, key_, nonce, about, hidden, plain);
  if (context == nullptr || EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagOctets, tag.data()) != 1 ||
      !finish(*context))
    return fail(kSealed, "a password was sealed with another key than there is now");
  return plain;
}

}  // namespace angarium::fetch
