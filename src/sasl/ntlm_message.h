// The messages of NTLM ([MS-NLMP] §2.2.1, §2.2.2) and their binary grammar.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sasl/types.h"

namespace angarium::sasl {

/// [MS-NLMP] §2.2.2.5, those that mean something here.
inline constexpr std::uint32_t kNtlmUnicode = 0x0000'0001;
inline constexpr std::uint32_t kNtlmOem = 0x0000'0002;
inline constexpr std::uint32_t kNtlmRequestTarget = 0x0000'0004;
inline constexpr std::uint32_t kNtlmNtlm = 0x0000'0200;
inline constexpr std::uint32_t kNtlmAlwaysSign = 0x0000'8000;
inline constexpr std::uint32_t kNtlmTargetServer = 0x0002'0000;
inline constexpr std::uint32_t kNtlmExtendedSecurity = 0x0008'0000;
inline constexpr std::uint32_t kNtlmTargetInfo = 0x0080'0000;
inline constexpr std::uint32_t kNtlm128 = 0x2000'0000;
inline constexpr std::uint32_t kNtlmKeyExchange = 0x4000'0000;

/// Octets of each challenge, the server's and the client's.
inline constexpr std::size_t kNtlmChallengeOctets = 8;
/// Octets of every key, hash and message integrity code here.
inline constexpr std::size_t kNtlmKeyOctets = 16;

/// AV_PAIR (§2.2.2.1). At most kAvPairsMax of them: the specification has eleven kinds.
enum class AvId : std::uint16_t {
  end = 0,
  computer = 1,
  domain = 2,
  dns_computer = 3,
  dns_domain = 4,
  flags = 6,
  timestamp = 7,
  target_name = 9,
};
inline constexpr std::size_t kAvPairsMax = 32;
/// Of AvId::flags: the message has an integrity code.
inline constexpr std::uint32_t kAvFlagMic = 0x0000'0002;

struct AvPair {
  AvId id = AvId::end;
  std::string value;
};
/// Up to and with the pair that ends the list.
Result<std::vector<AvPair>> parse_av_pairs(std::string_view octets);
std::string write_av_pairs(const std::vector<AvPair>& pairs);
const AvPair* find_av_pair(const std::vector<AvPair>& pairs, AvId id);

struct NtlmNegotiate {
  std::uint32_t flags = 0;
};
struct NtlmChallenge {
  std::uint32_t flags = 0;
  std::string challenge;    ///< kNtlmChallengeOctets
  std::string target;       ///< UTF-16, or OEM
  std::string target_info;  ///< AV pairs
};
struct NtlmAuthenticate {
  std::uint32_t flags = 0;
  std::string lm_response;
  std::string nt_response;
  std::string domain;  ///< UTF-16 or OEM, as are the next two
  std::string user;
  std::string workstation;
  std::string session_key;  ///< encrypted; may be empty
};
/// Where the integrity code stands in an authenticate message (§2.2.1.3), behind flags and version.
inline constexpr std::size_t kNtlmMicOffset = 72;

Result<NtlmNegotiate> parse_ntlm_negotiate(std::string_view octets);
Result<NtlmChallenge> parse_ntlm_challenge(std::string_view octets);
Result<NtlmAuthenticate> parse_ntlm_authenticate(std::string_view octets);
std::string write_ntlm_negotiate(const NtlmNegotiate& message);
std::string write_ntlm_challenge(const NtlmChallenge& message);
/// With an integrity code of zeros.
std::string write_ntlm_authenticate(const NtlmAuthenticate& message);

/// Little-endian, as all numbers here.
std::string little_endian(std::uint64_t number, std::size_t octets);
std::uint64_t from_little_endian(std::string_view octets);

}  // namespace angarium::sasl
