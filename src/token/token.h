// Access tokens that say who somebody is: JWT (RFC 7519) signed by an issuer (RFC 7515), judged as RFC 8725 advises.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "token/keys.h"

namespace angarium::token {

/// Octets of a token: what a SASL message may hold.
inline constexpr std::size_t kTokenMax = 9216;

/// Forged, not well formed, or not for us.
inline constexpr ErrorKind kBad{"token.bad", Fault::user, Lasting::permanent};
/// Right, but its time is over or has not come.
inline constexpr ErrorKind kExpired{"token.expired", Fault::user, Lasting::permanent};
/// Signed by a key that is not in the set: the issuer may have a new one.
inline constexpr ErrorKind kUnknownKey{"token.unknown-key", Fault::user, Lasting::permanent};

/// What a token has to say.
struct Terms {
  std::string issuer;                 ///< its "iss", octet by octet
  std::vector<std::string> audience;  ///< one of them is its "aud", or in it
  std::string address_claim = "email";
  Duration leeway = std::chrono::minutes(1);
};

/// The payload of a token whose signature is right: RS256, RS384, RS512, PS256, ES256, ES384, EdDSA, each by a key of
/// its own type. "none" and keyed hashes (HS256 …) are refused, and header parameters that ask to be understood
/// ("crit").
Result<std::string> verify_signature(std::string_view token, const KeySet& keys);

/// The address that the claims of a payload name, if they are as the terms want at this time.
Result<std::string> judge_claims(std::string_view payload, const Terms& terms, WallTime now);

/// Both.
Result<std::string> verify(std::string_view token, const KeySet& keys, const Terms& terms, WallTime now);

/// Who says to have made the token: nothing is proved by it.
Result<std::string> claimed_issuer(std::string_view token);

}  // namespace angarium::token
