#include <algorithm>
#include <utility>

#include "base/text.h"
#include "sasl/crypto.h"
#include "sasl/digest_exchange.h"
#include "sasl/digest_keys.h"
#include "sasl/prepare.h"

namespace angarium::sasl {
namespace {

Result<std::string> decoded_name(std::string_view text, Charset charset) {
  if (charset == Charset::utf8) return prepare_name(text);
  return prepare_name(from_latin1(text));
}

}  // namespace

DigestServer::DigestServer(ServerContext given, std::string nonce)
    : ServerExchange(std::move(given), Starts::server), nonce_(std::move(nonce)) {}

ServerStep DigestServer::first_challenge() {
  challenged_ = true;
  offered_.nonce = nonce_;
  if (!context().host.empty()) offered_.realms.push_back(context().host);
  offered_.charset = Charset::utf8;
  offered_.maxbuf = kLayerBufferMax;
  offered_.qops.push_back(Protection::none);
  if (context().protection >= Protection::integrity) offered_.qops.push_back(Protection::integrity);
  if (context().protection >= Protection::confidentiality) {
    offered_.qops.push_back(Protection::confidentiality);
    offered_.ciphers = {DigestCipher::des3, DigestCipher::rc4, DigestCipher::des};
  }
  return Challenge{write_digest_challenge(offered_)};
}

ServerStep DigestServer::receive(std::string_view message) {
  // RFC 2831 §2.2.2: who has no subsequent authentication begins anew.
  if (!challenged_) return first_challenge();
  auto response = parse_digest_response(message);
  if (!response) return Failure{std::move(response).error()};
  response_ = *std::move(response);
  if (auto right = check(); !right) return Failure{std::move(right).error()};
  auto name = decoded_name(response_.username, response_.charset);
  if (!name) return Failure{std::move(name).error()};
  identity_.authentication_id = *std::move(name);
  if (response_.authorization_id && !response_.authorization_id->empty()) {
    auto authzid = prepare_name(*response_.authorization_id);
    if (!authzid) return Failure{std::move(authzid).error()};
    identity_.authorization_id = *std::move(authzid);
  }
  return KeyWanted{identity_, KeyKind::digest_md5, response_.realm};
}

/// All that can be judged before the key is known.
Result<> DigestServer::check() {
  if (!equal_constant_time(response_.nonce, nonce_)) return fail(kMalformed, "DIGEST-MD5: the nonce is not ours");
  // RFC 2831 §2.1.3
  if (response_.nonce_count != "00000001") return fail(kMalformed, "DIGEST-MD5: the nonce was used before");
  if (response_.cnonce.empty()) return fail(kMalformed, "DIGEST-MD5: the client's nonce is empty");
  const auto& realms = offered_.realms;
  if (realms.empty() ? !response_.realm.empty() : std::ranges::find(realms, response_.realm) == realms.end())
    return fail(kBadCredentials, "DIGEST-MD5: a realm that was not offered");
  const auto protection = qop_of(response_.qop);
  if (!protection || std::ranges::find(offered_.qops, *protection) == offered_.qops.end())
    return fail(kMalformed, "DIGEST-MD5: a quality of protection that was not offered");
  protection_ = *protection;
  if ((protection_ == Protection::confidentiality) != (response_.cipher != DigestCipher::none))
    return fail(kMalformed, "DIGEST-MD5: a cipher is missing or out of place");
  return check_uri();
}

/// RFC 2831 §2.1.2: serv-type "/" host [ "/" serv-name ]. The service's name may also be that of this host.
Result<> DigestServer::check_uri() {
  std::string_view uri = response_.digest_uri;
  const std::string_view service = take_until(uri, '/');
  const std::string_view host = take_until(uri, '/');
  if (service.empty() || host.empty()) return fail(kMalformed, "DIGEST-MD5: the digest-uri is none");
  if (!context().service.empty() && !equals_ignore_case(service, context().service))
    return fail(kBadCredentials, "DIGEST-MD5: the client meant another service");
  if (!context().is_this_host(host) && (uri.empty() || !context().is_this_host(uri)))
    return fail(kBadCredentials, "DIGEST-MD5: the client meant another host");
  return {};
}

ServerStep DigestServer::key_given(std::optional<KeyCredentials> credentials) {
  // The same work for who has no key.
  auto fake = md5(context().fake_salt_key + ':' + identity_.authentication_id);
  if (!fake) return Failure{std::move(fake).error()};
  const Secret made(*std::move(fake));
  const auto session = digest_session_key(credentials ? credentials->key.view() : made.view(), response_);
  if (!session) return Failure{session.error()};
  const auto expected = digest_value(session->view(), response_, DigestSide::client);
  if (!expected) return Failure{expected.error()};
  if (!equal_constant_time(*expected, response_.response) || !credentials)
    return failure(kBadCredentials, "the user name or password is wrong");
  if (credentials->authority != Authority::granted) return Failure{without_authority(credentials->authority)};
  auto proof = digest_value(session->view(), response_, DigestSide::server);
  if (!proof) return Failure{std::move(proof).error()};
  auto layer = digest_layer(session->view(), protection_, response_.cipher, DigestSide::server, response_.maxbuf);
  if (!layer) return Failure{std::move(layer).error()};
  return Success{std::move(identity_), "rspauth=" + *proof, *std::move(layer)};
}

}  // namespace angarium::sasl
