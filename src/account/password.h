// Passwords: Argon2id (RFC 9106) for those who send one, SCRAM keys for those who prove one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "account/types.h"
#include "base/random.h"

namespace angarium::account {

struct PasswordCost {
  std::uint32_t memory_kib = 19456;  ///< OWASP's advice of 2023 for Argon2id: 19 MiB, 2 passes, one lane
  std::uint32_t passes = 2;
};

/// All that is stored of a password; `version` is left 0. Takes tens of milliseconds: not on a loop. kInvalid for an
/// empty password or one that SASLprep refuses (RFC 4013).
Result<Credentials> make_credentials(std::string_view password, const PasswordCost& cost,
                                     Random& random = system_random());

/// Whether the password (as SASLprep left it) is the one behind the encoded hash. Tens of milliseconds, the same for
/// right and wrong.
bool verify_password(std::string_view prepared, const std::string& argon2id);

/// A hash that no password has, of the given cost: verifying against it takes as long as against a real one.
Result<std::string> decoy_hash(const PasswordCost& cost, Random& random = system_random());

/// A new password for a person to type: five groups of four letters and digits that are not mistaken for each other,
/// 100 bits.
std::string generate_password(Random& random = system_random());

}  // namespace angarium::account
