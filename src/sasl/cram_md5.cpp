// CRAM-MD5 (RFC 2195): a digest over a challenge of the server's, keyed with the password.
#include <memory>
#include <utility>

#include "base/text.h"
#include "sasl/crypto.h"
#include "sasl/keys.h"
#include "sasl/legacy.h"
#include "sasl/mechanism.h"
#include "sasl/prepare.h"

namespace angarium::sasl {
namespace {

constexpr std::size_t kDigestDigits = 32;
/// Random octets of a challenge.
constexpr std::size_t kChallengeOctets = 16;

class CramServer final : public ServerExchange {
 public:
  explicit CramServer(ServerContext given) : ServerExchange(std::move(given), Starts::server) {}

 protected:
  /// RFC 2195 §2: of the form of a Message-ID, and never the same again.
  ServerStep first_challenge() override {
    const std::string host = context().host.empty() ? "localhost" : context().host;
    challenge_ = '<' + to_hex(context().random->octets(kChallengeOctets)) + '@' + host + '>';
    return Challenge{challenge_};
  }

  ServerStep receive(std::string_view response) override {
    if (challenge_.empty()) return failure(kMalformed, "CRAM-MD5: a response without a challenge");
    // A name may hold spaces; the digest does not.
    const std::size_t space = response.rfind(' ');
    if (space == std::string_view::npos) return failure(kMalformed, "CRAM-MD5: a response without a digest");
    digest_ = response.substr(space + 1);
    if (digest_.size() != kDigestDigits || !from_hex(digest_) || to_lower(digest_) != digest_)
      return failure(kMalformed, "CRAM-MD5: the digest is not of 32 lower-case hexadecimal digits");
    auto name = prepare_name(response.substr(0, space));
    if (!name) return Failure{std::move(name).error()};
    identity_.authentication_id = *std::move(name);
    return KeyWanted{identity_, KeyKind::hmac_md5_contexts, {}};
  }

  ServerStep key_given(std::optional<KeyCredentials> credentials) override {
    // The same work for who has no key.
    auto key = credentials ? Result<Secret>(std::move(credentials->key)) : hmac_md5_contexts(context().fake_salt_key);
    if (!key) return Failure{std::move(key).error()};
    const auto expected = hmac_md5_by(key->view(), challenge_);
    if (!expected) return Failure{expected.error()};
    if (!equal_constant_time(to_hex(*expected), digest_) || !credentials)
      return failure(kBadCredentials, "the user name or password is wrong");
    if (credentials->authority != Authority::granted) return Failure{without_authority(credentials->authority)};
    return Success{std::move(identity_), {}};
  }

 private:
  std::string challenge_{};
  std::string digest_{};
  Identity identity_{};
};

class CramClient final : public ClientExchange {
 public:
  explicit CramClient(ClientContext given) : ClientExchange(std::move(given)) {}

  Result<std::optional<std::string>> initial_response() override {
    if (!context().identity.authorization_id.empty())
      return fail(kNotAuthorized, "CRAM-MD5: no room for an authorization identity");
    return std::nullopt;
  }
  Result<std::string> respond(std::string_view challenge) override {
    if (std::exchange(answered_, true)) return fail(kMalformed, "CRAM-MD5: the server asks for more");
    if (challenge.empty()) return fail(kMalformed, "CRAM-MD5: the challenge is empty");
    const std::string name = TRY(prepare_name(context().identity.authentication_id));
    const Secret password(TRY(prepare(context().password.view(), kPasswordMax)));
    return name + ' ' + to_hex(TRY(hmac_md5(password.view(), challenge)));
  }
  Result<> finish(std::string_view data) override {
    if (!answered_ || !data.empty())
      return fail(kMalformed, "CRAM-MD5: success comes after one response, without data");
    return {};
  }

 private:
  bool answered_ = false;
};

}  // namespace

Result<Secret> cram_md5_key(std::string_view password) {
  const Secret prepared(TRY(prepare(password, kPasswordMax)));
  return hmac_md5_contexts(prepared.view());
}

constinit const Mechanism kCramMd5 = {"CRAM-MD5",
                                      OnTheWire::proof,
                                      Needs::password,
                                      Binding::none,
                                      Grade::weak,
                                      ByDefault::off,
                                      [](ServerContext context) -> std::unique_ptr<ServerExchange> {
                                        return std::make_unique<CramServer>(std::move(context));
                                      },
                                      [](ClientContext context) -> std::unique_ptr<ClientExchange> {
                                        return std::make_unique<CramClient>(std::move(context));
                                      }};

}  // namespace angarium::sasl
