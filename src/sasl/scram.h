// What a server stores of a password for SCRAM (RFC 5802 §3), and how it is made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sasl/types.h"

namespace angarium::sasl {

/// Octets of a new salt. Real and false salts have the same length.
inline constexpr std::size_t kSaltOctets = 16;
/// Octets of a salt that we take from others.
inline constexpr std::size_t kSaltMax = 1024;
/// Iterations for new keys: the rule of thumb of RFC 7677 §4. Paid by the client at each login and by us when a
/// password is set.
inline constexpr std::uint32_t kScramIterations = 15'000;
/// What a server may store, and so announce (RFC 5802 §5.1 for the lower bound, our own clients for the upper one).
inline constexpr std::uint32_t kStoredIterationsMin = 4096;
inline constexpr std::uint32_t kStoredIterationsMax = 2'000'000;

/// The keys of one password under one hash. Who steals them can't log in, but can guess, and can play the server.
struct ScramKeys {
  Hash hash = Hash::sha256;
  std::uint32_t iterations = 0;
  std::string salt;
  std::string stored_key;
  std::string server_key;
  friend bool operator==(const ScramKeys&, const ScramKeys&) = default;
};

/// From a password as the user typed it (it is prepared here). Errors: kMalformed and kTooLong for the password,
/// kIterations. Takes milliseconds: not for a loop.
Result<ScramKeys> scram_keys(std::string_view password, std::string_view salt, std::uint32_t iterations, Hash hash);

/// Keys that no password has, with a salt that stays the same for the same name and cannot be told from a real one
/// without `key`: what an unknown user is shown (RFC 5802 §9 warns of enumeration). Case of the name does not matter,
/// since it does not matter to the look-up of a real one.
Result<ScramKeys> fake_scram_keys(std::string_view key, std::string_view prepared_name, std::uint32_t iterations,
                                  Hash hash);

/// Whether a user whose proof is right may act as the authorization identity.
enum class Authority {
  granted,
  refused,
  needs_second_factor,  ///< nobody does by this proof alone
};

/// What the caller answers to ScramKeysWanted.
struct ScramCredentials {
  ScramKeys keys;
  Authority authority = Authority::granted;
};

}  // namespace angarium::sasl
