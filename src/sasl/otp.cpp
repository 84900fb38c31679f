#include "sasl/otp.h"

#include <algorithm>

#include "base/text.h"
#include "sasl/crypto.h"
#include "sasl/legacy.h"
#include "sasl/secret.h"

namespace angarium::sasl {
namespace {

/// RFC 2289 appendix A: the hash, folded to 64 bits.
Result<std::string> folded(OtpAlgorithm algorithm, std::string_view octets) {
  if (algorithm != OtpAlgorithm::sha1) {
    std::string hash = TRY(algorithm == OtpAlgorithm::md4 ? md4(octets) : md5(octets));
    for (std::size_t i = 0; i < kOtpOctets; ++i) hash[i] = static_cast<char>(hash[i] ^ hash[i + kOtpOctets]);
    hash.resize(kOtpOctets);
    return hash;
  }
  // Five words, which SHA-1 writes with the most significant octet first and OTP the other way round.
  const std::string hash = TRY(digest(Hash::sha1, octets));
  std::string result(kOtpOctets, '\0');
  for (std::size_t i = 0; i < 4; ++i) {
    result[3 - i] = static_cast<char>(hash[i] ^ hash[8 + i] ^ hash[16 + i]);
    result[7 - i] = static_cast<char>(hash[4 + i] ^ hash[12 + i]);
  }
  return result;
}

}  // namespace

std::string_view otp_name(OtpAlgorithm algorithm) {
  switch (algorithm) {
    case OtpAlgorithm::md4: return "md4";
    case OtpAlgorithm::md5: return "md5";
    case OtpAlgorithm::sha1: return "sha1";
  }
  return {};
}

bool is_otp_seed(std::string_view text) {
  return !text.empty() && text.size() <= kSeedMax && std::ranges::all_of(text, is_alnum);
}

Result<std::string> one_time_password(OtpAlgorithm algorithm, std::string_view pass_phrase, std::string_view seed,
                                      std::uint32_t sequence) {
  if (pass_phrase.size() < kPassPhraseMin) return fail(kMalformed, "a pass phrase needs ten characters at least");
  if (pass_phrase.size() > kPasswordMax) return fail(kTooLong, "the pass phrase is too long");
  if (!is_otp_seed(seed)) return fail(kMalformed, "a seed has one to sixteen letters and digits");
  if (sequence > kOtpSequenceMax) return fail(kIterations, "the sequence number is too high");
  std::string start(seed);
  start.reserve(seed.size() + pass_phrase.size());  // growing would leave a copy behind
  start += pass_phrase;
  const Secret secret(std::move(start));
  std::string password = TRY(folded(algorithm, secret.view()));
  for (std::uint32_t i = 0; i < sequence; ++i) password = TRY(folded(algorithm, password));
  return password;
}

Result<std::string> previous_password(OtpAlgorithm algorithm, std::string_view password) {
  return folded(algorithm, password);
}

Result<OtpState> otp_state(std::string_view pass_phrase, const OtpRenewal& begin) {
  if (begin.sequence < 2) return fail(kIterations, "a sequence begins at 2 at least");
  OtpState state{.algorithm = begin.algorithm, .sequence = begin.sequence, .seed = to_lower(begin.seed), .last = {}};
  state.last = TRY(one_time_password(state.algorithm, pass_phrase, state.seed, state.sequence));
  return state;
}

std::string otp_seed(Random& random) {
  std::string seed;
  for (int i = 0; i < 2; ++i) seed += static_cast<char>('a' + random.below(26));
  for (int i = 0; i < 5; ++i) seed += static_cast<char>('0' + random.below(10));
  return seed;
}

}  // namespace angarium::sasl
