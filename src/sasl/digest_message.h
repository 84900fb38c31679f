// The messages of DIGEST-MD5 and their grammar (RFC 2831 §2.1, §7).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sasl/types.h"

namespace angarium::sasl {

/// RFC 2831 §2.1.1, §2.1.2: a challenge is shorter than the first, a response than the second.
inline constexpr std::size_t kDigestChallengeMax = 2047;
inline constexpr std::size_t kDigestResponseMax = 4095;
/// Directives of one message: ours have ten, and the rest is ignored.
inline constexpr std::size_t kDirectivesMax = 64;
/// A security layer needs more than its own octets, and RFC 4422 §3.7 leaves three octets for the length at most.
inline constexpr std::uint32_t kMaxbufMin = 64;

/// By the length of their keys, the longer first, as Cyrus SASL chooses them: what Debian 12 has of it agrees on 3des
/// and then cannot.
enum class DigestCipher { none, rc4, des3, des };
/// "3des", "rc4", "des"; the 40 and 56 bits of rc4-40 and rc4-56, which nothing demands, protect nothing.
std::string_view cipher_name(DigestCipher cipher);
/// "auth", "auth-int", "auth-conf"
std::string_view qop_name(Protection protection);

enum class Charset { latin1, utf8 };

struct DigestChallenge {
  std::vector<std::string> realms;
  std::string nonce;
  std::vector<Protection> qops;  ///< those we know
  std::uint32_t maxbuf = 65'536;
  Charset charset = Charset::latin1;
  std::vector<DigestCipher> ciphers;  ///< those we know
};

struct DigestResponse {
  std::string username;  ///< as received, in `charset`
  std::string realm;     ///< as received; empty if absent
  std::string nonce;
  std::string cnonce;
  std::string nonce_count;
  std::string qop = "auth";  ///< as received: its case counts in the hash
  std::string digest_uri;
  std::string response;
  std::uint32_t maxbuf = 65'536;
  Charset charset = Charset::latin1;
  DigestCipher cipher = DigestCipher::none;
  std::optional<std::string> authorization_id;
};

Result<DigestChallenge> parse_digest_challenge(std::string_view text);
Result<DigestResponse> parse_digest_response(std::string_view text);
/// The value of "rspauth".
Result<std::string> parse_response_auth(std::string_view text);
std::string write_digest_challenge(const DigestChallenge& challenge);
std::string write_digest_response(const DigestResponse& response);

/// By name, without regard to case.
std::optional<Protection> qop_of(std::string_view name);

/// Text in UTF-8 as ISO 8859-1; nothing if it has other characters.
std::optional<std::string> to_latin1(std::string_view utf8);
std::string from_latin1(std::string_view text);

}  // namespace angarium::sasl
