#include <utility>

#include "sasl/crypto.h"
#include "sasl/keys.h"
#include "sasl/mechanism.h"
#include "sasl/ntlm_exchange.h"
#include "sasl/ntlm_keys.h"
#include "sasl/prepare.h"
#include "sasl/utf16.h"

namespace angarium::sasl {
namespace {

std::unexpected<Error> out_of_turn() { return fail(kBroken, "a call out of turn in an authentication exchange"); }

Result<std::string> wide(std::string_view text) {
  if (text.size() > kNameMax) return fail(kTooLong, "NTLM: a name is too long");
  auto result = to_utf16(text);
  if (!result) return fail(kMalformed, "NTLM: a name is not UTF-8");
  return *std::move(result);
}

}  // namespace

NtlmClient::NtlmClient(ClientContext given, std::string challenge)
    : ClientExchange(std::move(given)), challenge_(std::move(challenge)) {}

Result<std::optional<std::string>> NtlmClient::initial_response() {
  if (std::exchange(state_, State::negotiated) != State::initial) return out_of_turn();
  if (!context().identity.authorization_id.empty())
    return fail(kNotAuthorized, "NTLM: no room for an authorization identity");
  negotiate_ = write_ntlm_negotiate(
      {kNtlmUnicode | kNtlmRequestTarget | kNtlmNtlm | kNtlmAlwaysSign | kNtlmExtendedSecurity | kNtlm128});
  return negotiate_;
}

Result<std::string> NtlmClient::respond(std::string_view challenge) {
  if (std::exchange(state_, State::over) != State::negotiated) return out_of_turn();
  auto response = answer(challenge);
  if (response) state_ = State::answered;
  return response;
}

/// [MS-NLMP] §3.1.5.1.2
Result<std::string> NtlmClient::answer(std::string_view text) {
  const NtlmChallenge challenge = TRY(parse_ntlm_challenge(text));
  if ((challenge.flags & kNtlmUnicode) == 0 || (challenge.flags & kNtlmTargetInfo) == 0)
    return fail(kMalformed, "NTLM: the server has no Unicode or no version 2");
  std::vector<AvPair> pairs = TRY(parse_av_pairs(challenge.target_info));
  const AvPair* timestamp = find_av_pair(pairs, AvId::timestamp);
  if (timestamp != nullptr && timestamp->value.size() != 8) return fail(kMalformed, "NTLM: the time is malformed");
  const bool sealed = timestamp != nullptr;
  const std::uint64_t time = sealed ? from_little_endian(timestamp->value) : to_file_time(context().now);
  std::erase_if(pairs, [](const AvPair& pair) { return pair.id == AvId::flags; });
  if (sealed) pairs.push_back({AvId::flags, little_endian(kAvFlagMic, 4)});

  NtlmAuthenticate message;
  message.flags = challenge.flags & (kNtlmUnicode | kNtlmRequestTarget | kNtlmNtlm | kNtlmAlwaysSign |
                                     kNtlmExtendedSecurity | kNtlmTargetInfo | kNtlm128);
  const std::string name = TRY(prepare_name(context().identity.authentication_id));
  message.user = TRY(wide(name));
  message.domain = TRY(wide(context().domain));
  message.workstation = TRY(wide(context().workstation));
  const Secret hash = TRY(nt_hash(context().password.view()));
  const Secret key = TRY(ntlm_response_key(hash.view(), message.user, message.domain));
  // Four more octets of zeros, as the specification's "temp" has them.
  const std::string blob = ntlm_blob(time, challenge_, write_av_pairs(pairs) + std::string(4, '\0'));
  const std::string proof = TRY(ntlm_proof(key.view(), challenge.challenge, blob));
  message.nt_response = proof + blob;
  message.lm_response =
      sealed ? std::string(24, '\0') : TRY(ntlm_proof(key.view(), challenge.challenge, challenge_)) + challenge_;
  std::string result = write_ntlm_authenticate(message);
  if (result.size() > kMessageMax) return fail(kTooLong, "NTLM: the response is too long");
  if (!sealed) return result;
  const Secret session = TRY(ntlm_session_key(key.view(), proof));
  const std::string mic = TRY(ntlm_mic(session.view(), negotiate_, text, result));
  return result.replace(kNtlmMicOffset, kNtlmKeyOctets, mic);
}

Result<> NtlmClient::finish(std::string_view data) {
  if (std::exchange(state_, State::over) != State::answered || !data.empty())
    return fail(kMalformed, "NTLM: success comes after the response, without data");
  return {};
}

constinit const Mechanism kNtlm = {"NTLM",
                                   OnTheWire::proof,
                                   Needs::password,
                                   Binding::none,
                                   Grade::weak,
                                   ByDefault::off,
                                   [](ServerContext context) -> std::unique_ptr<ServerExchange> {
                                     std::string challenge = context.random->octets(kNtlmChallengeOctets);
                                     return std::make_unique<NtlmServer>(std::move(context), std::move(challenge));
                                   },
                                   [](ClientContext context) -> std::unique_ptr<ClientExchange> {
                                     std::string challenge = context.random->octets(kNtlmChallengeOctets);
                                     return std::make_unique<NtlmClient>(std::move(context), std::move(challenge));
                                   }};

}  // namespace angarium::sasl
