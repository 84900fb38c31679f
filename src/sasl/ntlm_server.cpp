// Only responses of version 2 are looked at: no LM, no NTLMv1, no LMv2 alone. Channel bindings are not.
#include <utility>

#include "base/text.h"
#include "sasl/crypto.h"
#include "sasl/legacy.h"
#include "sasl/ntlm_exchange.h"
#include "sasl/ntlm_keys.h"
#include "sasl/prepare.h"
#include "sasl/utf16.h"

namespace angarium::sasl {
namespace {

/// [MS-NLMP] §2.2.2.7: what stands before the attributes; all of it is there in every response.
constexpr std::size_t kBlobFixed = 28;

std::unexpected<Error> malformed(std::string text) { return fail(kMalformed, "NTLM: " + std::move(text)); }

}  // namespace

NtlmServer::NtlmServer(ServerContext given, std::string challenge)
    : ServerExchange(std::move(given), Starts::client), challenge_(std::move(challenge)) {}

ServerStep NtlmServer::receive(std::string_view response) {
  return negotiate_.empty() ? negotiate(response) : authenticate(response);
}

ServerStep NtlmServer::negotiate(std::string_view message) {
  const auto asked = parse_ntlm_negotiate(message);
  if (!asked) return Failure{asked.error()};
  // [MS-NLMP] §2.2.2.5: Unicode where the client has it; names in a charset of its own are taken while they are ASCII.
  if ((asked->flags & (kNtlmUnicode | kNtlmOem)) == 0) return failure(kMalformed, "NTLM: a client without a charset");
  unicode_ = (asked->flags & kNtlmUnicode) != 0;
  negotiate_ = message;
  NtlmChallenge answer;
  answer.challenge = challenge_;
  answer.flags = (unicode_ ? kNtlmUnicode : kNtlmOem) | kNtlmNtlm | kNtlmExtendedSecurity | kNtlmTargetInfo |
                 kNtlmTargetServer | kNtlmRequestTarget |
                 (asked->flags & (kNtlmAlwaysSign | kNtlm128 | kNtlmKeyExchange));
  // A name in the old style, without dots, is the first label.
  const std::string host = context().host.empty() ? "localhost" : context().host;
  const auto full = to_utf16(host);
  const auto brief = to_utf16(to_upper(host.substr(0, host.find('.'))));
  if (!full || !brief) return failure(kBroken, "NTLM: the name of this host is not UTF-8");
  answer.target = unicode_ ? *brief : *from_utf16(*brief);
  std::vector<AvPair> pairs = {
      {AvId::domain, *brief}, {AvId::computer, *brief}, {AvId::dns_domain, *full}, {AvId::dns_computer, *full}};
  if (context().now) pairs.push_back({AvId::timestamp, little_endian(to_file_time(*context().now), 8)});
  answer.target_info = write_av_pairs(pairs);
  challenge_message_ = write_ntlm_challenge(answer);
  return Challenge{challenge_message_};
}

/// Who the client says to be: "user", "user@domain"; a domain that is ours says nothing.
Result<std::string> NtlmServer::name() const {
  const auto user = from_utf16(authenticate_.user);
  const auto domain = from_utf16(authenticate_.domain);
  if (!user || !domain) return malformed("a name is not UTF-16");
  std::string full = *user;
  const std::string_view host = context().host;
  const bool ours = domain->empty() || equals_ignore_case(*domain, host) ||
                    equals_ignore_case(*domain, host.substr(0, host.find('.')));
  if (!ours && full.find('@') == std::string::npos) full += '@' + *domain;
  return prepare_name(full);
}

ServerStep NtlmServer::authenticate(std::string_view message) {
  auto parsed = parse_ntlm_authenticate(message);
  if (!parsed) return Failure{std::move(parsed).error()};
  authenticate_ = *std::move(parsed);
  authenticate_message_ = message;
  if (!unicode_) {
    for (std::string* name : {&authenticate_.user, &authenticate_.domain}) {
      if (!all_ascii(*name)) return failure(kMalformed, "NTLM: a name in an unknown charset");
      *name = *to_utf16(*name);
    }
  }
  auto user = name();
  if (!user) return Failure{std::move(user).error()};
  identity_.authentication_id = *std::move(user);
  const std::string_view response = authenticate_.nt_response;
  if (response.size() < kNtlmKeyOctets + kBlobFixed)
    return failure(kBadCredentials, "NTLM: a response of version 1 or none");
  const std::string_view blob = response.substr(kNtlmKeyOctets);
  if (!blob.starts_with("\1\1")) return failure(kMalformed, "NTLM: a response of an unknown version");
  const auto pairs = parse_av_pairs(blob.substr(kBlobFixed));
  if (!pairs) return Failure{pairs.error()};
  if (const AvPair* flags = find_av_pair(*pairs, AvId::flags))
    has_mic_ = (from_little_endian(std::string_view(flags->value).substr(0, 4)) & kAvFlagMic) != 0;
  if (has_mic_ && authenticate_message_.size() < kNtlmMicOffset + kNtlmKeyOctets)
    return failure(kMalformed, "NTLM: there is no room for the integrity code");
  return KeyWanted{identity_, KeyKind::nt_hash, {}};
}

Result<bool> NtlmServer::proved(std::string_view nt_hash) const {
  const std::string_view response = authenticate_.nt_response;
  const Secret key = TRY(ntlm_response_key(nt_hash, authenticate_.user, authenticate_.domain));
  const std::string proof = TRY(ntlm_proof(key.view(), challenge_, response.substr(kNtlmKeyOctets)));
  const bool right = equal_constant_time(proof, response.substr(0, kNtlmKeyOctets));
  if (!has_mic_) return right;
  const Secret base = TRY(ntlm_session_key(key.view(), proof));
  std::string session(base.view());
  if ((authenticate_.flags & kNtlmKeyExchange) != 0) {
    if (authenticate_.session_key.size() != kNtlmKeyOctets) return false;
    session = authenticate_.session_key;
    TRY(rc4(base.view())->apply(session));
  }
  const Secret exported(std::move(session));
  const std::string mic = TRY(ntlm_mic(exported.view(), negotiate_, challenge_message_, authenticate_message_));
  const std::string_view given = std::string_view(authenticate_message_).substr(kNtlmMicOffset, kNtlmKeyOctets);
  return equal_constant_time(mic, given) && right;
}

ServerStep NtlmServer::key_given(std::optional<KeyCredentials> credentials) {
  // The same work for who has no key.
  auto made = md5(context().fake_salt_key + "ntlm");
  if (!made) return Failure{std::move(made).error()};
  const Secret fake(*std::move(made));
  const auto right = proved(credentials ? credentials->key.view() : fake.view());
  if (!right) return Failure{right.error()};
  if (!*right || !credentials) return failure(kBadCredentials, "the user name or password is wrong");
  if (credentials->authority != Authority::granted) return Failure{without_authority(credentials->authority)};
  return Success{std::move(identity_), {}};
}

}  // namespace angarium::sasl
