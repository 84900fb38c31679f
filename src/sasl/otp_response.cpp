#include "sasl/otp_response.h"

#include <array>

#include "base/text.h"
#include "sasl/otp_words.h"

namespace angarium::sasl {
namespace {

std::unexpected<Error> malformed(std::string text) { return fail(kMalformed, "OTP: " + std::move(text)); }

std::optional<OtpAlgorithm> algorithm_of(std::string_view name) {
  for (const OtpAlgorithm one : {OtpAlgorithm::md4, OtpAlgorithm::md5, OtpAlgorithm::sha1})
    if (otp_name(one) == name) return one;
  return std::nullopt;
}

/// The next word; white space before it is skipped.
std::string_view take_word(std::string_view& text) {
  text = trim(text);
  std::size_t end = 0;
  while (end < text.size() && !is_wsp(text[end])) ++end;
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

std::optional<std::uint32_t> sequence_of(std::string_view digits) {
  const auto number = parse_number<std::uint32_t>(digits);
  return number && *number <= kOtpSequenceMax ? number : std::nullopt;
}

enum class Coding { hex, word };

std::optional<std::string> decode(std::string_view text, Coding coding) {
  return coding == Coding::hex ? from_otp_hex(text) : from_six_words(text);
}

/// new-params ":" new-OTP
std::optional<OtpState> renewal(std::string_view text, Coding coding) {
  std::string_view parameters = take_until(text, ':');
  const auto algorithm = algorithm_of(take_word(parameters));
  const auto sequence = sequence_of(take_word(parameters));
  const std::string_view seed = take_word(parameters);
  auto password = decode(text, coding);
  // A sequence that begins at 1 would be used up at once.
  if (!algorithm || !sequence || *sequence < 2 || !is_otp_seed(seed) || !trim(parameters).empty() || !password)
    return std::nullopt;
  return OtpState{*algorithm, *sequence, to_lower(seed), *std::move(password)};
}

}  // namespace

std::string write_otp_challenge(const OtpChallenge& challenge) {
  return "otp-" + std::string(otp_name(challenge.algorithm)) + ' ' + std::to_string(challenge.sequence) + ' ' +
         challenge.seed + (challenge.extended == OtpChallenge::Extended::yes ? " ext" : "");
}

Result<OtpChallenge> parse_otp_challenge(std::string_view text) {
  OtpChallenge challenge;
  std::string_view name = take_word(text);
  if (!name.starts_with("otp-")) return malformed("the challenge is none");
  name.remove_prefix(4);
  const auto algorithm = algorithm_of(name);
  if (!algorithm) return malformed("the challenge names a hash that we do not have");
  challenge.algorithm = *algorithm;
  const auto sequence = sequence_of(take_word(text));
  if (!sequence) return malformed("the challenge has no sequence number, or one that is too high");
  challenge.sequence = *sequence;
  challenge.seed = take_word(text);
  if (!is_otp_seed(challenge.seed)) return malformed("the seed is not of one to sixteen letters and digits");
  const std::string_view sets = take_word(text);
  if (sets == "ext" || sets.starts_with("ext,")) challenge.extended = OtpChallenge::Extended::yes;
  return challenge;
}

Result<OtpResponse> parse_otp_response(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  OtpResponse response;
  if (text.find(':') == std::string_view::npos) {
    for (const Coding coding : {Coding::word, Coding::hex})
      if (auto password = decode(text, coding)) response.passwords.push_back(*std::move(password));
    if (response.passwords.empty()) return malformed("the response is no one-time password");
    return response;
  }
  const std::string type = to_lower(trim(take_until(text, ':')));
  const bool initial = type.starts_with("init-");
  const std::string_view coded = initial ? std::string_view(type).substr(5) : std::string_view(type);
  if (coded != "hex" && coded != "word") return malformed("a type of response that we do not have");
  const Coding coding = coded == "hex" ? Coding::hex : Coding::word;
  auto password = decode(initial ? take_until(text, ':') : text, coding);
  if (!password) return malformed("the response is no one-time password");
  response.passwords.push_back(*std::move(password));
  if (initial) {
    response.renewal = OtpResponse::Renewal::asked;
    response.renewed = renewal(text, coding);
  }
  return response;
}

}  // namespace angarium::sasl
