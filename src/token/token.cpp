#include "token/token.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "token/base64url.h"
#include "token/json.h"

namespace angarium::token {
namespace {

namespace json = boost::json;

enum class Padding : std::uint8_t { none, pkcs1, pss };

/// RFC 7518 §3.1, RFC 8037 §3.1: an algorithm, and the only type of key it is used with.
struct Algorithm {
  std::string_view name;
  KeyType type;
  const EVP_MD* (*digest)();
  Padding padding;
  std::size_t half;  ///< octets of each of the two numbers of an ECDSA signature
};
const EVP_MD* no_digest() { return nullptr; }
constexpr std::array<Algorithm, 7> kAlgorithms = {{{"RS256", KeyType::rsa, EVP_sha256, Padding::pkcs1, 0},
                                                   {"RS384", KeyType::rsa, EVP_sha384, Padding::pkcs1, 0},
                                                   {"RS512", KeyType::rsa, EVP_sha512, Padding::pkcs1, 0},
                                                   {"PS256", KeyType::rsa, EVP_sha256, Padding::pss, 0},
                                                   {"ES256", KeyType::p256, EVP_sha256, Padding::none, 32},
                                                   {"ES384", KeyType::p384, EVP_sha384, Padding::none, 48},
                                                   {"EdDSA", KeyType::ed25519, no_digest, Padding::none, 0}}};

struct Parts {
  std::string header;
  std::string payload;
  std::string signature;
  std::string_view signed_text;
};

std::unexpected<Error> malformed() { return fail(kBad, "it is no signed token"); }

/// RFC 7515 §7.1: three parts in base64url.
Result<Parts> split(std::string_view token) {
  if (token.size() > kTokenMax) return fail(kBad, "the token is too long");
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos) return malformed();
  auto header = from_base64url(token.substr(0, first));
  auto payload = from_base64url(token.substr(first + 1, second - first - 1));
  auto signature = from_base64url(token.substr(second + 1));
  if (!header || !payload || !signature) return malformed();
  return Parts{*std::move(header), *std::move(payload), *std::move(signature), token.substr(0, second)};
}

/// RFC 7518 §3.4: the two numbers side by side, which OpenSSL takes as a sequence.
std::string to_sequence(std::string_view signature, std::size_t half) {
  if (signature.size() != 2 * half) return {};
  const auto* const octets = reinterpret_cast<const unsigned char*>(signature.data());
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> numbers(ECDSA_SIG_new(), ECDSA_SIG_free);
  BIGNUM* const r = BN_bin2bn(octets, static_cast<int>(half), nullptr);
  BIGNUM* const s = BN_bin2bn(octets + half, static_cast<int>(half), nullptr);
  if (!numbers || r == nullptr || s == nullptr || ECDSA_SIG_set0(numbers.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return {};
  }
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(numbers.get(), &der);
  std::string sequence;
  if (size > 0) sequence.assign(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return sequence;
}

bool is_signed_by(const Key& key, const Algorithm& algorithm, std::string_view text, std::string_view signature) {
  const std::string sequence = algorithm.half == 0 ? std::string(signature) : to_sequence(signature, algorithm.half);
  if (sequence.empty()) return false;
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_PKEY_CTX* inner = nullptr;
  if (!context || EVP_DigestVerifyInit(context.get(), &inner, algorithm.digest(), nullptr, key.key.get()) != 1)
    return false;
  // RFC 7518 §3.5: the salt is as long as the hash.
  if (algorithm.padding == Padding::pss && (EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING) != 1 ||
                                            EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, RSA_PSS_SALTLEN_DIGEST) != 1))
    return false;
  return EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(sequence.data()), sequence.size(),
                          reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
}

/// RFC 8725 §3.11: a token that says to be something else is none of these.
bool is_token_type(std::string_view type) {
  if (starts_with_ignore_case(type, "application/")) type.remove_prefix(12);
  return type.empty() || equals_ignore_case(type, "JWT") || equals_ignore_case(type, "at+jwt");
}

/// RFC 7519 §2: seconds since 1970, perhaps with a fraction.
std::optional<double> date_of(const json::object& claims, std::string_view name) {
  const json::value* const value = claims.if_contains({name.data(), name.size()});
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const double date = value->to_number<double>();
  // Within the years that a WallTime has.
  if (!std::isfinite(date) || std::abs(date) > 1e12) return std::nullopt;
  return date;
}

bool is_for(const json::object& claims, const std::vector<std::string>& audience) {
  const auto ours = [&](const json::value& value) {
    return value.is_string() &&
           std::ranges::find(audience, std::string_view(value.get_string().data(), value.get_string().size())) !=
               audience.end();
  };
  const json::value* const value = claims.if_contains("aud");
  if (value == nullptr) return false;
  if (value->is_array()) return std::ranges::any_of(value->get_array(), ours);
  return ours(*value);
}

}  // namespace

Result<std::string> verify_signature(std::string_view token, const KeySet& keys) {
  const Parts parts = TRY(split(token));
  const auto header = parse_object(parts.header);
  if (!header) return malformed();
  const std::string_view name = text_of(*header, "alg");
  const auto algorithm = std::ranges::find(kAlgorithms, name, &Algorithm::name);
  if (algorithm == kAlgorithms.end())
    return fail(kBad, "the algorithm '" + escape_controls(name, 20) + "' is not taken");
  // RFC 7515 §4.1.11: we understand no extension.
  if (header->contains("crit")) return fail(kBad, "the token asks for an extension");
  if (!is_token_type(text_of(*header, "typ"))) return fail(kBad, "it says that it is no access token");
  const std::string_view id = text_of(*header, "kid");
  bool known = false;
  for (const Key& key : keys) {
    if (!id.empty() && key.id != id) continue;
    if (key.type != algorithm->type || (!key.algorithm.empty() && key.algorithm != name)) continue;
    known = true;
    if (is_signed_by(key, *algorithm, parts.signed_text, parts.signature)) return parts.payload;
  }
  // Without a name for the key it may be any, also a new one.
  if (!known || id.empty()) return fail(kUnknownKey, "its key is not known");
  return fail(kBad, "the signature is wrong");
}

Result<std::string> judge_claims(std::string_view payload, const Terms& terms, WallTime now) {
  const auto claims = parse_object(payload);
  if (!claims) return malformed();
  if (text_of(*claims, "iss") != terms.issuer) return fail(kBad, "it is another issuer's");
  if (!is_for(*claims, terms.audience)) return fail(kBad, "it is for somebody else");
  const auto seconds = static_cast<double>(now.seconds());
  const auto leeway = static_cast<double>(terms.leeway.count()) / 1e6;
  const auto expires = date_of(*claims, "exp");
  if (!expires) return fail(kBad, "it does not say when it ends");
  if (claims->contains("nbf") && !date_of(*claims, "nbf")) return fail(kBad, "it does not say when it begins");
  if (seconds >= *expires + leeway) return fail(kExpired, "its time is over");
  if (seconds + leeway < date_of(*claims, "nbf").value_or(seconds)) return fail(kExpired, "its time has not come");
  const std::string_view address = text_of(*claims, terms.address_claim);
  if (address.empty()) return fail(kBad, "it has no claim '" + escape_controls(terms.address_claim, 40) + "'");
  // OpenID Connect Core §5.1: whoever may write any address into a profile is not its owner.
  const json::value* const verified = claims->if_contains("email_verified");
  if (terms.address_claim == "email" && verified != nullptr && !(verified->is_bool() && verified->get_bool()) &&
      text_of(*claims, "email_verified") != "true")
    return fail(kBad, "its address is not verified");
  return std::string(address);
}

Result<std::string> verify(std::string_view token, const KeySet& keys, const Terms& terms, WallTime now) {
  const std::string payload = TRY(verify_signature(token, keys));
  return judge_claims(payload, terms, now);
}

Result<std::string> claimed_issuer(std::string_view token) {
  const Parts parts = TRY(split(token));
  const auto claims = parse_object(parts.payload);
  if (!claims) return malformed();
  return std::string(text_of(*claims, "iss"));
}

}  // namespace angarium::token
