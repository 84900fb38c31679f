#include "token/token.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "support/test.h"
#include "token/base64url.h"
#include "token/keyring.h"

using namespace angarium;
using namespace angarium::token;

namespace {

// RFC 7515 appendix A.2
const std::string kRsa =
    R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"})";
const std::string kJoe =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const std::string kRs256 = "eyJhbGciOiJSUzI1NiJ9." + kJoe +
                           ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
                           "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
                           "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_"
                           "eSN9383LcOLn6_dO--xi12jzDwusC-"
                           "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtV"
                           "rBp0igcN_IoypGlUPQGe77Rw";
// RFC 7515 appendix A.3
const std::string kP256 =
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
const std::string kEs256 = "eyJhbGciOiJFUzI1NiJ9." + kJoe +
                           ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
// RFC 8037 appendix A.4
const std::string kEd25519 = R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
const std::string kEdDsa =
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"
    "09PGcvMg3AIbQR6dWbhijcNR4ki4iylGj"
    "g5BhVsPt9g7sVvpAr_MuM0KAg";
// RFC 7515 appendix A.1 and A.5: not for us
const std::string kHs256 =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + kJoe + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const std::string kNone = "eyJhbGciOiJub25lIn0." + kJoe + ".";

KeySet keys(const std::string& jwks) {
  auto set = parse_keys(R"({"keys":[)" + jwks + "]}");
  REQUIRE(set);
  return *std::move(set);
}
bool bad(const Result<std::string>& verdict) { return !verdict && verdict.error().is(kBad); }

/// A key of ours, to sign with.
struct Signer {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{nullptr, EVP_PKEY_free};
  std::string jwk;

  static std::string number(const EVP_PKEY* key, const char* name, std::size_t size) {
    BIGNUM* value = nullptr;
    REQUIRE(EVP_PKEY_get_bn_param(key, name, &value) == 1);
    std::string octets(size == 0 ? static_cast<std::size_t>(BN_num_bytes(value)) : size, '\0');
    BN_bn2binpad(value, reinterpret_cast<unsigned char*>(octets.data()), static_cast<int>(octets.size()));
    BN_free(value);
    return to_base64url(octets);
  }
  static Signer rsa(unsigned bits, const std::string& more = "") {
    Signer signer;
    signer.key.reset(EVP_RSA_gen(bits));
    signer.jwk = R"({"kty":"RSA","n":")" + number(signer.key.get(), "n", 0) + R"(","e":"AQAB")" + more + "}";
    return signer;
  }
  static Signer p384() {
    Signer signer;
    signer.key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384"));
    signer.jwk = R"({"kty":"EC","crv":"P-384","x":")" + number(signer.key.get(), "qx", 48) + R"(","y":")" +
                 number(signer.key.get(), "qy", 48) + R"("})";
    return signer;
  }
  [[nodiscard]] std::string sign(const std::string& header, const std::string& payload, const EVP_MD* digest,
                                 bool pss = false, std::size_t half = 0) const {
    const std::string text = to_base64url(header) + "." + to_base64url(payload);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_PKEY_CTX* inner = nullptr;
    REQUIRE(EVP_DigestSignInit(context.get(), &inner, digest, nullptr, key.get()) == 1);
    if (pss) {
      EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING);
      EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, RSA_PSS_SALTLEN_DIGEST);
    }
    std::string signature(1024, '\0');
    std::size_t size = signature.size();
    REQUIRE(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                           reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1);
    signature.resize(size);
    if (half > 0) {
      const auto* at = reinterpret_cast<const unsigned char*>(signature.data());
      ECDSA_SIG* numbers = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size));
      REQUIRE(numbers != nullptr);
      std::string raw(2 * half, '\0');
      auto* const to = reinterpret_cast<unsigned char*>(raw.data());
      BN_bn2binpad(ECDSA_SIG_get0_r(numbers), to, static_cast<int>(half));
      BN_bn2binpad(ECDSA_SIG_get0_s(numbers), to + half, static_cast<int>(half));
      ECDSA_SIG_free(numbers);
      signature = raw;
    }
    return text + "." + to_base64url(signature);
  }
};

const Terms kTerms{.issuer = "https://login.example.org", .audience = {"mail", "imap"}};
constexpr WallTime kNow = WallTime::from_seconds(1'700'000'000);

Result<std::string> judge(const std::string& claims) { return judge_claims("{" + claims + "}", kTerms, kNow); }
const std::string kWho = R"("iss":"https://login.example.org","email":"anna@example.org",)";

}  // namespace

TEST_CASE("RFC 7515 appendix A.2, A.3 and RFC 8037 appendix A.4: right signatures by each type of key") {
  const auto joe = verify_signature(kRs256, keys(kRsa));
  REQUIRE(joe);
  CHECK(joe->starts_with("{\"iss\":\"joe\","));
  CHECK(verify_signature(kEs256, keys(kP256)) == *joe);
  CHECK(verify_signature(kEdDsa, keys(kEd25519)) == "Example of Ed25519 signing");
  const KeySet all = keys(kRsa + "," + kP256 + "," + kEd25519);
  for (const std::string& token : {kRs256, kEs256, kEdDsa}) CHECK(verify_signature(token, all));
}

TEST_CASE("a token with any octet changed is none") {
  const KeySet all = keys(kRsa + "," + kP256 + "," + kEd25519);
  for (const std::string& token : {kRs256, kEs256, kEdDsa})
    for (std::size_t i = 0; i < token.size(); ++i) {
      std::string changed = token;
      changed[i] = changed[i] == 'A' ? 'B' : 'A';
      if (verify_signature(changed, all)) FAIL_CHECK(i << " of " << token.substr(0, 20));
    }
  for (std::size_t size = 0; size < kEs256.size(); ++size) CHECK(!verify_signature(kEs256.substr(0, size), all));
  CHECK(bad(verify_signature(kEs256 + "=", all)));
  CHECK(bad(verify_signature(kEs256 + ".", all)));
}

TEST_CASE("RFC 7515 appendix A.1 and A.5, RFC 8725 section 3.1: no keyed hash and no token without a signature") {
  // The public key as the secret of a keyed hash is the classic way in.
  const KeySet all = keys(
      kRsa +
      R"(,{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})");
  CHECK(all.size() == 1);
  CHECK(bad(verify_signature(kHs256, all)));
  CHECK(bad(verify_signature(kNone, all)));
  CHECK(bad(verify_signature("eyJhbGciOiJOb25lIn0." + kJoe + ".", all)));
  CHECK(bad(verify_signature("e30." + kJoe + ".", all)));
}

TEST_CASE("RS384, RS512, PS256 and ES384") {
  const Signer rsa = Signer::rsa(2048);
  const KeySet set = keys(rsa.jwk);
  CHECK(verify_signature(rsa.sign(R"({"alg":"RS384"})", "x", EVP_sha384()), set) == "x");
  CHECK(verify_signature(rsa.sign(R"({"alg":"RS512"})", "x", EVP_sha512()), set) == "x");
  CHECK(verify_signature(rsa.sign(R"({"alg":"PS256"})", "x", EVP_sha256(), true), set) == "x");
  CHECK(!verify_signature(rsa.sign(R"({"alg":"PS256"})", "x", EVP_sha256()), set));
  CHECK(!verify_signature(rsa.sign(R"({"alg":"RS256"})", "x", EVP_sha256(), true), set));
  CHECK(!verify_signature(rsa.sign(R"({"alg":"RS256"})", "x", EVP_sha512()), set));
  const Signer p384 = Signer::p384();
  CHECK(verify_signature(p384.sign(R"({"alg":"ES384"})", "x", EVP_sha384(), false, 48), keys(p384.jwk)) == "x");
  CHECK(!verify_signature(p384.sign(R"({"alg":"ES384"})", "x", EVP_sha384()), keys(p384.jwk)));
  CHECK_MESSAGE(!verify_signature(p384.sign(R"({"alg":"ES256"})", "x", EVP_sha256(), false, 48), keys(p384.jwk)),
                "RFC 7518 section 3.4: ES256 is with P-256 alone");
}

TEST_CASE("the algorithm is bound to the key: its type, and the one that it names") {
  const Signer rsa = Signer::rsa(2048, R"(,"alg":"RS256","kid":"a")");
  const KeySet set = keys(rsa.jwk);
  CHECK(verify_signature(rsa.sign(R"({"alg":"RS256"})", "x", EVP_sha256()), set));
  CHECK(verify_signature(rsa.sign(R"({"alg":"RS256","kid":"a"})", "x", EVP_sha256()), set));
  CHECK(verify_signature(rsa.sign(R"({"alg":"RS512"})", "x", EVP_sha512()), set).error().is(kUnknownKey));
  CHECK(verify_signature(rsa.sign(R"({"alg":"RS256","kid":"b"})", "x", EVP_sha256()), set).error().is(kUnknownKey));
  // A signature as OpenSSL itself writes it, under the name of another algorithm.
  const Signer p384 = Signer::p384();
  const auto curve = verify_signature(p384.sign(R"({"alg":"RS384"})", "x", EVP_sha384()), keys(p384.jwk));
  REQUIRE(!curve);
  CHECK(curve.error().is(kUnknownKey));
}

TEST_CASE("RFC 7515 section 4.1.11: a token that asks to be understood is refused, and so is one of another type") {
  const Signer rsa = Signer::rsa(2048);
  const KeySet set = keys(rsa.jwk);
  const auto with = [&](const char* more) {
    return verify_signature(rsa.sign(std::string(R"({"alg":"RS256")") + more + "}", "x", EVP_sha256()), set);
  };
  CHECK(bad(with(R"(,"crit":["exp"],"exp":1)")));
  CHECK(bad(with(R"(,"typ":"logout+jwt")")));
  CHECK(with(R"(,"typ":"JWT")"));
  CHECK(with(R"(,"typ":"application/at+jwt")"));
  CHECK_MESSAGE(with(R"(,"jwk":{"kty":"oct"},"jku":"https://evil.example")"), "they are never looked at");
  CHECK_MESSAGE(bad(verify_signature(rsa.sign(R"({"alg":"RS256","alg":"none"})", "x", EVP_sha256()), set)),
                "RFC 7515 section 4: of a name that stands there twice the last counts");
}

TEST_CASE("claims: issuer, audience and times are as the terms want") {
  CHECK(judge(kWho + R"("aud":"mail","exp":1700000001)") == "anna@example.org");
  CHECK(judge(kWho + R"("aud":["web","imap"],"exp":1700000001.5)") == "anna@example.org");
  CHECK(bad(judge(kWho + R"("aud":"web","exp":1700000001)")));
  CHECK(bad(judge(kWho + R"("aud":["web"],"exp":1700000001)")));
  CHECK(bad(judge(kWho + R"("aud":{"mail":1},"exp":1700000001)")));
  CHECK(bad(judge(kWho + R"("exp":1700000001)")));
  CHECK(bad(judge(kWho + R"("aud":"mail")")));
  CHECK(bad(judge(kWho + R"("aud":"mail","exp":"1700000001")")));
  CHECK(bad(judge(R"("iss":"https://login.example.org/","email":"a@b.c","aud":"mail","exp":1700000001)")));
  CHECK(bad(judge(R"("email":"a@b.c","aud":"mail","exp":1700000001)")));
}

TEST_CASE("RFC 7519 section 4.1.4 and 4.1.5: a token's time, to the second of the leeway") {
  CHECK(judge(kWho + R"("aud":"mail","exp":1699999941)"));
  CHECK(judge(kWho + R"("aud":"mail","exp":1699999940)").error().is(kExpired));
  CHECK(judge(kWho + R"("aud":"mail","exp":1700000100,"nbf":1700000060)"));
  CHECK(judge(kWho + R"("aud":"mail","exp":1700000100,"nbf":1700000061)").error().is(kExpired));
  CHECK(bad(judge(kWho + R"("aud":"mail","exp":1700000100,"nbf":"soon")")));
  CHECK(bad(judge(kWho + R"("aud":"mail","exp":1e300)")));
}

TEST_CASE("the address is the claim's, and an e-mail address that is not verified is nobody's") {
  const std::string rest = R"("iss":"https://login.example.org","aud":"mail","exp":1700000001)";
  CHECK(bad(judge(rest)));
  CHECK(bad(judge(rest + R"(,"email":7)")));
  CHECK(bad(judge(rest + R"(,"email":"a@b.c","email_verified":false)")));
  CHECK(bad(judge(rest + R"(,"email":"a@b.c","email_verified":"false")")));
  CHECK(judge(rest + R"(,"email":"a@b.c","email_verified":true)"));
  CHECK(judge(rest + R"(,"email":"a@b.c","email_verified":"true")"));
  Terms terms = kTerms;
  terms.address_claim = "preferred_username";
  CHECK(judge_claims("{" + rest + R"(,"preferred_username":"a@b.c","email_verified":false})", terms, kNow) == "a@b.c");
}

TEST_CASE("a key set: what cannot verify is passed over, and limits hold") {
  CHECK(!parse_keys("[]"));
  CHECK(!parse_keys("{}"));
  CHECK(!parse_keys(R"({"keys":{}})"));
  CHECK(!parse_keys(R"({"keys":[]})"));
  CHECK(!parse_keys(R"({"keys":[7,{"kty":"RSA"},{"kty":"EC","crv":"P-521","x":"","y":""}]})"));
  const std::string used = kP256.substr(0, kP256.size() - 1);
  CHECK(!parse_keys(R"({"keys":[)" + used + R"(,"use":"enc"}]})"));
  CHECK(!parse_keys(R"({"keys":[)" + used + R"(,"key_ops":["sign"]}]})"));
  CHECK(parse_keys(R"({"keys":[)" + used + R"(,"use":"sig","key_ops":["verify"]}]})"));
  // A point beside the curve.
  CHECK(!parse_keys(
      R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}]})"));
  CHECK(!parse_keys(R"({"keys":[)" + Signer::rsa(1024).jwk + "]}"));
  std::string many = kP256;
  for (std::size_t i = 1; i < kKeysMax; ++i) many += "," + kP256;
  CHECK(keys(many).size() == kKeysMax);
  CHECK(!parse_keys(R"({"keys":[)" + many + "," + kP256 + "]}"));
  const std::string padded = R"({"keys":[)" + kP256 + "]}";
  CHECK(parse_keys(padded + std::string(kSetMax - padded.size(), ' ')));
  CHECK(!parse_keys(padded + std::string(kSetMax - padded.size() + 1, ' ')));
  CHECK(bad(verify_signature(std::string(kTokenMax + 1, 'a'), keys(kP256))));
}

TEST_CASE("who says to have made a token is told without belief") {
  CHECK(claimed_issuer(kNone) == "joe");
  CHECK(!claimed_issuer("a.b"));
}

namespace {

struct Site {
  ManualClock clock;
  Signer first = Signer::rsa(2048, R"(,"kid":"1")");
  Signer second = Signer::rsa(2048, R"(,"kid":"2")");
  std::string published;
  bool away = false;
  int fetched = 0;
  Keyring ring{"issuer",
               [this]() -> Result<std::string> {
                 ++fetched;
                 if (away) return fail(kTimedOut, "no answer");
                 return R"({"keys":[)" + published + "]}";
               },
               clock};
  Site() { published = first.jwk; }
  Result<std::string> verify(const Signer& signer, const char* id) {
    const std::string claims = "{" + kWho + R"("aud":"mail","exp":1800000000})";
    return ring.verify(signer.sign(std::string(R"({"alg":"RS256","kid":")") + id + R"("})", claims, EVP_sha256()),
                       kTerms);
  }
};

}  // namespace

TEST_CASE("keys are fetched at the first token, and again for one that is not known, at most once a minute") {
  Site site;
  CHECK(site.verify(site.first, "1") == "anna@example.org");
  CHECK(site.verify(site.first, "1"));
  CHECK(site.fetched == 1);
  site.published += "," + site.second.jwk;
  CHECK(bad(site.verify(site.second, "2")));
  CHECK(site.fetched == 1);
  site.clock.advance(Keyring::kPause);
  CHECK(site.verify(site.second, "2"));
  CHECK(site.fetched == 2);
  for (int i = 0; i < 5; ++i) CHECK(bad(site.verify(site.second, "3")));
  CHECK(site.fetched == 2);
}

TEST_CASE("known keys go on during an outage; what another one signed cannot be told then") {
  Site site;
  REQUIRE(site.verify(site.first, "1"));
  site.away = true;
  site.clock.advance(Keyring::kAge);
  CHECK(site.verify(site.first, "1"));
  CHECK(site.fetched == 2);
  CHECK(site.verify(site.second, "2").error().is(kUnavailable));
  site.clock.advance(Keyring::kPause);
  CHECK(site.verify(site.second, "2").error().is(kUnavailable));
  CHECK(site.fetched == 3);
  site.away = false;
  site.published = site.second.jwk;
  site.clock.advance(Keyring::kPause);
  CHECK(site.verify(site.second, "2"));
  CHECK_MESSAGE(bad(site.verify(site.first, "1")), "and a key that was withdrawn is none");
}

TEST_CASE("a failed fetch does not make keys young: they are asked for again until they come, once in each pause") {
  Site site;
  REQUIRE(site.verify(site.first, "1"));
  site.away = true;
  site.clock.advance(Keyring::kAge);
  CHECK(site.verify(site.first, "1"));
  CHECK(site.verify(site.first, "1"));
  CHECK(site.fetched == 2);
  site.away = false;
  site.published = site.second.jwk;
  site.clock.advance(Keyring::kPause);
  CHECK_MESSAGE(bad(site.verify(site.first, "1")), "withdrawn during the outage");
  CHECK(site.fetched == 3);
}

TEST_CASE("without any keys yet nothing can be told, and the issuer is not asked for each token") {
  Site site;
  site.away = true;
  for (int i = 0; i < 3; ++i) CHECK(site.verify(site.first, "1").error().is(kUnavailable));
  CHECK(site.fetched == 1);
  site.away = false;
  site.clock.advance(Keyring::kPause);
  CHECK(site.verify(site.first, "1"));
}
