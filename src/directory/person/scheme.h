// The forms in which other directories keep passwords, and whether a password is the one behind it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sasl/scram.h"

namespace angarium::directory {

/// A form that is not taken here, or a hash whose cost is out of bounds.
inline constexpr ErrorKind kUnusablePassword{"directory.unusable-password", Fault::dependency, Lasting::permanent};

/// Bounds of what one check may cost, whoever has written the hash: some seconds and a gigabyte.
inline constexpr std::uint32_t kShaRoundsMax = 10'000'000;
inline constexpr int kBcryptCostMax = 16;
inline constexpr std::uint32_t kArgon2MemoryMax = 1U << 20;  ///< KiB
inline constexpr std::uint32_t kArgon2PassesMax = 64;
inline constexpr std::uint32_t kArgon2LanesMax = 16;              ///< each is a thread
inline constexpr std::uint64_t kYescryptOctetsMax = 1ULL << 30U;  ///< cost 11, the highest that crypt_gensalt(3) makes

/// Whether passwords may lie in the directory as they are.
enum class PlainPasswords : bool { refused, allowed };

/// What a directory keeps of a password.
struct StoredPassword {
  enum class Kind : std::uint8_t {
    none,   ///< nobody gets in by a password: an empty value, or one locked by "!" or "*" in front
    crypt,  ///< crypt(3): yescrypt, bcrypt, SHA-512, SHA-256
    argon2id,
    scram,
    plain,
  } kind = Kind::none;
  std::string text;      ///< without its {SCHEME}
  sasl::ScramKeys keys;  ///< Kind::scram
};

/// "$y$…", "$2b$…", "$6$…", "$5$…" and "$argon2id$…" as they are, or behind Dovecot's {CRYPT}, {BLF-CRYPT},
/// {SHA512-CRYPT}, {SHA256-CRYPT}, {ARGON2ID}; {SCRAM-SHA-1} and {SCRAM-SHA-256} with "ITERATIONS,SALT,STORED,SERVER";
/// PostgreSQL's own "SCRAM-SHA-256$ITERATIONS:SALT$STORED:SERVER"; {PLAIN} and {CLEARTEXT} where they are allowed.
/// kUnusablePassword, without a word of the value.
Result<StoredPassword> parse_stored(std::string_view value, PlainPasswords plain);

/// Whether it is the password (as SASLprep left it). Milliseconds to seconds: for threads that may wait. Errors:
/// kUnusablePassword where the library does not know the hash; kOutOfMemory.
Result<bool> matches(const StoredPassword& stored, std::string_view password);

}  // namespace angarium::directory
