// Passwords that lie in the store sealed: who has a copy of the store alone cannot read them.
#pragma once

#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "keyring/cipher.h"

namespace angarium::fetch {

/// The key file is not there, not ours alone, or no key.
inline constexpr ErrorKind kNoKey{"fetch.no-key", Fault::user, Lasting::permanent};
/// Sealed by another key or for something else, or damaged.
inline constexpr ErrorKind kSealed{"fetch.sealed", Fault::user, Lasting::permanent};

/// In the server's directory, beside the store and not in it.
inline constexpr std::string_view kKeyFile = "fetch.key";
using keyring::kKeyOctets;
/// What sealing adds: a nonce and a tag.
using keyring::kNonceOctets;
using keyring::kTagOctets;

/// AES-256-GCM (keyring/cipher.h) with a nonce of 96 random bits for each sealing: a key is good for 2^32 of them, and
/// each is somebody's change of a box. Thread-safe.
class Seal {
 public:
  /// The key of a file of kKeyOctets octets, a regular file of this process' user that nobody else may open. kNoKey.
  static Result<Seal> read(const std::string& path);
  /// A key for tests, and for stores that end with the process.
  static Seal of(std::string_view key);
  /// `about` is what it belongs to: it opens for the same alone.
  [[nodiscard]] Result<std::string> seal(std::string_view plain, std::string_view about,
                                         Random& random = system_random()) const;
  /// kSealed.
  [[nodiscard]] Result<std::string> open(std::string_view sealed, std::string_view about) const;

 private:
  explicit Seal(const keyring::Key& key) : key_(key) {}
  keyring::Key key_;
};

}  // namespace angarium::fetch
