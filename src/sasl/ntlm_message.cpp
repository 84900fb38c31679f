#include "sasl/ntlm_message.h"

#include <algorithm>

namespace angarium::sasl {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSignature = "NTLMSSP\0"sv;
/// The fixed parts, as far as every sender writes them.
constexpr std::size_t kNegotiateOctets = 16;
constexpr std::size_t kChallengeOctets = 48;
constexpr std::size_t kAuthenticateOctets = 64;

std::unexpected<Error> malformed(std::string text) { return fail(kMalformed, "NTLM: " + std::move(text)); }

std::uint32_t number_at(std::string_view octets, std::size_t at, std::size_t size) {
  return static_cast<std::uint32_t>(from_little_endian(octets.substr(at, size)));
}

Result<> header(std::string_view octets, std::uint32_t type, std::size_t least) {
  if (octets.size() > kMessageMax) return fail(kTooLong, "NTLM: the message is too long");
  if (octets.size() < least || !octets.starts_with(kSignature)) return malformed("the message is too short, or none");
  if (number_at(octets, 8, 4) != type) return malformed("the message is of another type");
  return {};
}

/// A field is two lengths and an offset; what it points to lies within the message, behind the fixed part.
Result<std::string> field(std::string_view octets, std::size_t at, std::size_t fixed) {
  const std::size_t length = number_at(octets, at, 2);
  const std::size_t offset = number_at(octets, at + 4, 4);
  if (length == 0) return std::string();
  if (offset < fixed || offset > octets.size() || length > octets.size() - offset)
    return malformed("a field points outside the message");
  return std::string(octets.substr(offset, length));
}

/// Writes fields and what they point to.
class Payload {
 public:
  explicit Payload(std::size_t fixed) : offset_(fixed) {}
  std::string add(std::string_view octets) {
    std::string result = little_endian(octets.size(), 2) + little_endian(octets.size(), 2);
    result += little_endian(offset_ + octets_.size(), 4);
    octets_ += octets;
    return result;
  }
  [[nodiscard]] const std::string& octets() const { return octets_; }

 private:
  std::size_t offset_;
  std::string octets_{};
};

}  // namespace

std::string little_endian(std::uint64_t number, std::size_t octets) {
  std::string result;
  for (std::size_t i = 0; i < octets; ++i) result += static_cast<char>(number >> (8 * i) & 0xFF);
  return result;
}

std::uint64_t from_little_endian(std::string_view octets) {
  std::uint64_t result = 0;
  for (std::size_t i = octets.size(); i > 0; --i) result = result << 8U | static_cast<unsigned char>(octets[i - 1]);
  return result;
}

Result<std::vector<AvPair>> parse_av_pairs(std::string_view octets) {
  std::vector<AvPair> pairs;
  for (;;) {
    if (octets.size() < 4) return malformed("a list of attributes that does not end");
    const auto id = static_cast<AvId>(number_at(octets, 0, 2));
    const std::size_t length = number_at(octets, 2, 2);
    octets.remove_prefix(4);
    if (id == AvId::end) return pairs;
    if (length > octets.size()) return malformed("an attribute is cut short");
    if (pairs.size() == kAvPairsMax) return malformed("too many attributes");
    pairs.push_back({id, std::string(octets.substr(0, length))});
    octets.remove_prefix(length);
  }
}

std::string write_av_pairs(const std::vector<AvPair>& pairs) {
  std::string result;
  for (const AvPair& pair : pairs)
    result += little_endian(static_cast<std::uint16_t>(pair.id), 2) + little_endian(pair.value.size(), 2) + pair.value;
  return result + std::string(4, '\0');
}

const AvPair* find_av_pair(const std::vector<AvPair>& pairs, AvId id) {
  const auto found = std::ranges::find(pairs, id, &AvPair::id);
  return found == pairs.end() ? nullptr : &*found;
}

Result<NtlmNegotiate> parse_ntlm_negotiate(std::string_view octets) {
  TRY(header(octets, 1, kNegotiateOctets));
  // Domain and workstation follow, in an unknown charset and of no use.
  return NtlmNegotiate{number_at(octets, 12, 4)};
}

Result<NtlmChallenge> parse_ntlm_challenge(std::string_view octets) {
  TRY(header(octets, 2, kChallengeOctets));
  NtlmChallenge message;
  message.target = TRY(field(octets, 12, kChallengeOctets));
  message.flags = number_at(octets, 20, 4);
  message.challenge = octets.substr(24, kNtlmChallengeOctets);
  message.target_info = TRY(field(octets, 40, kChallengeOctets));
  return message;
}

Result<NtlmAuthenticate> parse_ntlm_authenticate(std::string_view octets) {
  TRY(header(octets, 3, kAuthenticateOctets));
  NtlmAuthenticate message;
  message.lm_response = TRY(field(octets, 12, kAuthenticateOctets));
  message.nt_response = TRY(field(octets, 20, kAuthenticateOctets));
  message.domain = TRY(field(octets, 28, kAuthenticateOctets));
  message.user = TRY(field(octets, 36, kAuthenticateOctets));
  message.workstation = TRY(field(octets, 44, kAuthenticateOctets));
  message.session_key = TRY(field(octets, 52, kAuthenticateOctets));
  message.flags = number_at(octets, 60, 4);
  return message;
}

std::string write_ntlm_negotiate(const NtlmNegotiate& message) {
  // No domain, no workstation, no version.
  return std::string(kSignature) + little_endian(1, 4) + little_endian(message.flags, 4) + std::string(16, '\0');
}

std::string write_ntlm_challenge(const NtlmChallenge& message) {
  constexpr std::size_t kFixed = 56;  // with the version, which we do not tell
  Payload payload(kFixed);
  std::string result = std::string(kSignature) + little_endian(2, 4) + payload.add(message.target);
  result += little_endian(message.flags, 4) + message.challenge + std::string(8, '\0');
  result += payload.add(message.target_info) + std::string(8, '\0');
  return result + payload.octets();
}

std::string write_ntlm_authenticate(const NtlmAuthenticate& message) {
  Payload payload(kNtlmMicOffset + kNtlmKeyOctets);
  std::string result = std::string(kSignature) + little_endian(3, 4);
  for (const std::string* one : {&message.lm_response, &message.nt_response, &message.domain, &message.user,
                                 &message.workstation, &message.session_key})
    result += payload.add(*one);
  result += little_endian(message.flags, 4) + std::string(8 + kNtlmKeyOctets, '\0');
  return result + payload.octets();
}

}  // namespace angarium::sasl
