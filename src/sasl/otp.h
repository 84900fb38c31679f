// One-time passwords (RFC 2289): what a server keeps of a user's sequence, and how the passwords are made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"
#include "sasl/scram.h"
#include "sasl/types.h"

namespace angarium::sasl {

enum class OtpAlgorithm { md4, md5, sha1 };
/// RFC 2289 §6.0: "md4", "md5", "sha1".
std::string_view otp_name(OtpAlgorithm algorithm);

/// A one-time password is 64 bits.
inline constexpr std::size_t kOtpOctets = 8;
/// RFC 2289 §6.0: a shorter pass phrase is refused. The longest is kPasswordMax.
inline constexpr std::size_t kPassPhraseMin = 10;
inline constexpr std::size_t kSeedMax = 16;
/// RFC 2243 §4.1 writes a sequence number with four digits at most. It is also how many times a client hashes.
inline constexpr std::uint32_t kOtpSequenceMax = 9999;

/// A user's sequence, as the server keeps it. Who steals it can't log in, but can guess the pass phrase.
struct OtpState {
  OtpAlgorithm algorithm = OtpAlgorithm::sha1;
  /// Of `last`; the next challenge asks for one less. Below 2 the sequence is used up.
  std::uint32_t sequence = 0;
  std::string seed;  ///< lower case
  std::string last;  ///< the password used last: kOtpOctets
  friend bool operator==(const OtpState&, const OtpState&) = default;
};

/// What the caller answers to OtpWanted.
struct OtpCredentials {
  OtpState state;
  Authority authority = Authority::granted;
};

/// The beginnings of a new sequence.
struct OtpRenewal {
  OtpAlgorithm algorithm = OtpAlgorithm::sha1;
  std::uint32_t sequence = 499;
  std::string seed;
};

/// The password of this sequence number: costs as many hashes. The seed is hashed as it is: OTP writes it in lower
/// case, S/Key as the server sent it. Errors: kMalformed, kTooLong (pass phrase, seed), kIterations (sequence).
Result<std::string> one_time_password(OtpAlgorithm algorithm, std::string_view pass_phrase, std::string_view seed,
                                      std::uint32_t sequence);
/// The one before it in the order of use: one hash.
Result<std::string> previous_password(OtpAlgorithm algorithm, std::string_view password);

/// A sequence begun with a pass phrase. Errors as above; kIterations below 2.
Result<OtpState> otp_state(std::string_view pass_phrase, const OtpRenewal& begin);
/// A new seed. Those that unknown users are shown look the same.
std::string otp_seed(Random& random);
/// 1 to 16 letters and digits (RFC 2289 §6.0).
bool is_otp_seed(std::string_view text);

}  // namespace angarium::sasl
