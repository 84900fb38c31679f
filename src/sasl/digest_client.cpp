#include <algorithm>
#include <utility>

#include "base/text.h"
#include "sasl/digest_exchange.h"
#include "sasl/digest_keys.h"
#include "sasl/mechanism.h"
#include "sasl/prepare.h"

namespace angarium::sasl {
namespace {

/// RFC 2831 §2.1.1 recommends 64 bits.
constexpr std::size_t kNonceRandomOctets = 18;

std::unexpected<Error> out_of_turn() { return fail(kBroken, "a call out of turn in an authentication exchange"); }

}  // namespace

DigestClient::DigestClient(ClientContext given, std::string nonce)
    : ClientExchange(std::move(given)), nonce_(std::move(nonce)) {}

Result<std::optional<std::string>> DigestClient::initial_response() { return std::nullopt; }

Result<std::string> DigestClient::respond(std::string_view challenge) {
  switch (std::exchange(state_, State::over)) {
    case State::initial: {
      auto response = answer(challenge);
      if (response) state_ = State::responded;
      return response;
    }
    case State::responded: TRY(verify(challenge)); return std::string();
    default: return out_of_turn();
  }
}

/// The strongest of what both have, within what the context allows (RFC 2831 §3.6). Nothing vouches for the server's
/// list of ciphers (§2.1.1), in which somebody between may leave single DES alone: that is none for who demands
/// secrecy.
Result<> DigestClient::choose_protection(DigestChallenge challenge, DigestResponse& response) {
  if (context().protection_min == Protection::confidentiality) std::erase(challenge.ciphers, DigestCipher::des);
  std::optional<Protection> best;
  for (const Protection one : challenge.qops) {
    if (one < context().protection_min || one > context().protection_max || (best && one < *best)) continue;
    if (one == Protection::confidentiality && challenge.ciphers.empty()) continue;
    best = one;
  }
  if (!best) return fail(kMalformed, "DIGEST-MD5: the server does not protect what follows as it has to be");
  protection_ = *best;
  response.qop = qop_name(*best);
  // The enumeration has the stronger first.
  if (*best == Protection::confidentiality) response.cipher = *std::ranges::min_element(challenge.ciphers);
  return {};
}

Result<std::string> DigestClient::answer(std::string_view text) {
  const DigestChallenge challenge = TRY(parse_digest_challenge(text));
  const std::string name = TRY(prepare_name(context().identity.authentication_id));
  const Secret password(TRY(prepare(context().password.view(), kPasswordMax)));
  DigestResponse response;
  response.charset = challenge.charset;
  response.username = name;
  if (challenge.charset == Charset::latin1) {
    const auto latin1 = to_latin1(name);
    if (!latin1 || !to_latin1(password.view()))
      return fail(kMalformed, "DIGEST-MD5: the server can't take a name or password beyond ISO 8859-1");
    response.username = *latin1;
  }
  // A realm in the list by the name of the host we mean, otherwise the first.
  const auto& realms = challenge.realms;
  const auto same = std::ranges::find(realms, context().host);
  if (!realms.empty()) response.realm = same == realms.end() ? realms.front() : *same;
  response.nonce = challenge.nonce;
  response.cnonce = nonce_;
  response.nonce_count = "00000001";
  response.digest_uri = context().service + '/' + context().host;
  response.maxbuf = kLayerBufferMax;
  if (!context().identity.authorization_id.empty())
    response.authorization_id = TRY(prepare_name(context().identity.authorization_id));
  TRY(choose_protection(challenge, response));
  const Secret user_key = TRY(digest_user_key(name, response.realm, password.view()));
  const Secret session = TRY(digest_session_key(user_key.view(), response));
  response.response = TRY(digest_value(session.view(), response, DigestSide::client));
  expected_ = TRY(digest_value(session.view(), response, DigestSide::server));
  layer_ = TRY(digest_layer(session.view(), protection_, response.cipher, DigestSide::client, challenge.maxbuf));
  std::string message = write_digest_response(response);
  if (message.size() > kDigestResponseMax) return fail(kTooLong, "DIGEST-MD5: the response is too long");
  return message;
}

Result<> DigestClient::verify(std::string_view data) {
  const std::string proof = TRY(parse_response_auth(data));
  if (!equal_constant_time(proof, expected_))
    return fail(kServerNotAuthentic, "DIGEST-MD5: the server does not know the password");
  state_ = State::verified;
  return {};
}

Result<> DigestClient::finish(std::string_view data) {
  const State state = std::exchange(state_, State::over);
  if (state == State::verified && data.empty()) return {};
  if (state == State::responded && !data.empty()) return verify(data);
  return fail(kServerNotAuthentic, "DIGEST-MD5: the server reported success without a proof of its own");
}

constinit const Mechanism kDigestMd5 = {"DIGEST-MD5",
                                        OnTheWire::proof,
                                        Needs::password,
                                        Binding::none,
                                        Grade::weak,
                                        ByDefault::off,
                                        [](ServerContext context) -> std::unique_ptr<ServerExchange> {
                                          std::string nonce = to_base64(context.random->octets(kNonceRandomOctets));
                                          return std::make_unique<DigestServer>(std::move(context), std::move(nonce));
                                        },
                                        [](ClientContext context) -> std::unique_ptr<ClientExchange> {
                                          std::string nonce = to_base64(context.random->octets(kNonceRandomOctets));
                                          return std::make_unique<DigestClient>(std::move(context), std::move(nonce));
                                        },
                                        Layers::negotiated};

}  // namespace angarium::sasl
