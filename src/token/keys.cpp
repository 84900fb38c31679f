#include "token/keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <boost/json.hpp>

#include "token/base64url.h"
#include "token/json.h"

namespace angarium::token {
namespace {

namespace json = boost::json;

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using Context = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using KeyPtr = std::shared_ptr<evp_pkey_st>;

KeyPtr owned(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

std::string decoded(const json::object& jwk, std::string_view name) {
  return from_base64url(text_of(jwk, name)).value_or("");
}

const unsigned char* octets(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }

KeyPtr made(const char* type, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const Context context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
    return nullptr;
  KeyPtr made = owned(key);
  // A point that is not on its curve, and the like.
  const Context check(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return check && EVP_PKEY_public_check(check.get()) == 1 ? made : nullptr;
}

KeyPtr rsa_key(const json::object& jwk) {
  const std::string modulus = decoded(jwk, "n");
  const std::string exponent = decoded(jwk, "e");
  if (modulus.empty() || exponent.empty() || modulus.size() > kRsaBitsMax / 8 + 1 || exponent.size() > 8)
    return nullptr;
  const Number n(BN_bin2bn(octets(modulus), static_cast<int>(modulus.size()), nullptr));
  const Number e(BN_bin2bn(octets(exponent), static_cast<int>(exponent.size()), nullptr));
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!n || !e || !builder || BN_num_bits(n.get()) < kRsaBitsMin || BN_num_bits(n.get()) > kRsaBitsMax ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
    return nullptr;
  return made("RSA", builder.get());
}

/// RFC 7518 §6.2.1: both coordinates have the full length of the curve.
KeyPtr curve_key(const json::object& jwk, const char* group, std::size_t size) {
  const std::string x = decoded(jwk, "x");
  const std::string y = decoded(jwk, "y");
  if (x.size() != size || y.size() != size) return nullptr;
  const std::string point = "\x04" + x + y;  // SEC 1 §2.3.3: uncompressed
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1)
    return nullptr;
  return made("EC", builder.get());
}

/// RFC 8037 §2.
KeyPtr edwards_key(const json::object& jwk) {
  const std::string x = decoded(jwk, "x");
  if (x.size() != 32) return nullptr;
  EVP_PKEY* const key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets(x), x.size());
  return key == nullptr ? nullptr : owned(key);
}

bool verifies(const json::object& jwk) {
  if (const std::string_view use = text_of(jwk, "use"); !use.empty() && use != "sig") return false;
  const json::value* const operations = jwk.if_contains("key_ops");
  if (operations == nullptr) return true;
  if (!operations->is_array()) return false;
  for (const json::value& operation : operations->get_array())
    if (operation.is_string() && operation.get_string() == "verify") return true;
  return false;
}

Key key_of(const json::object& jwk) {
  Key key{.id = std::string(text_of(jwk, "kid")), .algorithm = std::string(text_of(jwk, "alg")), .key = {}};
  const std::string_view type = text_of(jwk, "kty");
  const std::string_view curve = text_of(jwk, "crv");
  if (type == "RSA") {
    key.key = rsa_key(jwk);
  } else if (type == "EC" && curve == "P-256") {
    key.type = KeyType::p256;
    key.key = curve_key(jwk, "P-256", 32);
  } else if (type == "EC" && curve == "P-384") {
    key.type = KeyType::p384;
    key.key = curve_key(jwk, "P-384", 48);
  } else if (type == "OKP" && curve == "Ed25519") {
    key.type = KeyType::ed25519;
    key.key = edwards_key(jwk);
  }
  return key;
}

}  // namespace

Result<KeySet> parse_keys(std::string_view text) {
  if (text.size() > kSetMax) return fail(kBadKeys, "the key set is larger than 256 KiB");
  const auto root = parse_object(text);
  const json::value* const keys = root ? root->if_contains("keys") : nullptr;
  if (keys == nullptr || !keys->is_array()) return fail(kBadKeys, "it is no JWK set (RFC 7517)");
  if (keys->get_array().size() > kKeysMax) return fail(kBadKeys, "the key set has more than 64 keys");
  KeySet set;
  for (const json::value& jwk : keys->get_array()) {
    if (!jwk.is_object() || !verifies(jwk.get_object())) continue;
    if (Key key = key_of(jwk.get_object()); key.key != nullptr) set.push_back(std::move(key));
  }
  if (set.empty()) return fail(kBadKeys, "the key set has no RSA, P-256, P-384 or Ed25519 key for signatures");
  return set;
}

}  // namespace angarium::token
