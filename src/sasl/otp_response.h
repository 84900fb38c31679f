// The messages of the mechanisms OTP (RFC 2444, RFC 2243) and SKEY (RFC 2222 §7.3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sasl/otp.h"

namespace angarium::sasl {

struct OtpChallenge {
  OtpAlgorithm algorithm = OtpAlgorithm::md5;
  std::uint32_t sequence = 0;
  std::string seed;  ///< as received
  enum class Extended { no, yes } extended = Extended::no;
};
std::string write_otp_challenge(const OtpChallenge& challenge);
/// kMalformed also for an algorithm we do not know.
Result<OtpChallenge> parse_otp_challenge(std::string_view text);

struct OtpResponse {
  /// What it may mean: a standard response can be read as digits and as words (RFC 2243 §3).
  std::vector<std::string> passwords;
  /// init-hex and init-word: the new sequence; no value if it can't be used, though the password may be right.
  enum class Renewal { none, asked } renewal = Renewal::none;
  std::optional<OtpState> renewed;
};
Result<OtpResponse> parse_otp_response(std::string_view text);

}  // namespace angarium::sasl
