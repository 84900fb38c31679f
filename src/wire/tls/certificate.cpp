#include "wire/tls/certificate.h"

#include <fmt/format.h>
#include <openssl/pem.h>

#include <algorithm>
#include <ctime>

#include "base/text.h"
#include "io/address.h"
#include "wire/tls/openssl.h"

namespace angarium::wire::tls {
namespace {

bool add_extension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  bool added = extension && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

bool is_host_name(std::string_view name) {
  return !name.empty() && name.size() <= 253 && std::all_of(name.begin(), name.end(), [](char c) {
    return is_alnum(c) || c == '-' || c == '.' || c == '*' || c == '_';
  });
}

/// "DNS:a,IP:b"
Result<std::string> alternative_names(const std::vector<std::string>& names) {
  std::string value;
  for (const auto& name : names) {
    bool is_address = io::IpAddress::parse(name).has_value();
    if (!is_address && !is_host_name(name)) return fail(kBadCertificate, "not a name for a certificate: " + name);
    value += fmt::format("{}{}:{}", value.empty() ? "" : ",", is_address ? "IP" : "DNS", name);
  }
  return value;
}

bool fill(X509* certificate, EVP_PKEY* key, const SelfSignedOptions& options, const std::string& alternatives,
          WallTime now) {
  // A random serial number of 159 bits, positive (RFC 5280 §4.1.2.2).
  BIGNUM* serial = BN_new();
  bool good = serial && BN_rand(serial, 159, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate));
  BN_free(serial);
  time_t from = now.seconds() - 3600;
  good = good && X509_set_version(certificate, X509_VERSION_3) == 1 &&
         X509_time_adj_ex(X509_getm_notBefore(certificate), 0, 0, &from) &&
         X509_time_adj_ex(X509_getm_notAfter(certificate), static_cast<int>(options.days), 0, &from) &&
         X509_set_pubkey(certificate, key) == 1;
  if (!good) return false;
  auto* name = X509_get_subject_name(certificate);
  // A common name has at most 64 characters (RFC 5280 appendix A.1); the names that count stand in the extension.
  auto common = options.names.front().substr(0, 64);
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(common.data()),
                                    static_cast<int>(common.size()), -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1 &&
         add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
         add_extension(certificate, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
         add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
         add_extension(certificate, NID_subject_key_identifier, "hash") &&
         add_extension(certificate, NID_subject_alt_name, alternatives) &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

std::string text_of(const Bio& bio) {
  char* text = nullptr;
  auto size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

Result<Identity> make_self_signed(const SelfSignedOptions& options, WallTime now) {
  if (options.names.empty()) return fail(kBadCertificate, "a certificate needs a name");
  auto alternatives = TRY(alternative_names(options.names));
  Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  Certificate certificate(X509_new());
  if (!key || !certificate || !fill(certificate.get(), key.get(), options, alternatives, now))
    return openssl_failure(kTlsLibrary, "making a certificate");
  Bio certificate_text(BIO_new(BIO_s_mem()));
  Bio key_text(BIO_new(BIO_s_mem()));
  if (!certificate_text || !key_text || PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return openssl_failure(kTlsLibrary, "writing a certificate");
  return Identity{text_of(certificate_text), text_of(key_text)};
}

Result<CertificateFacts> read_certificate(std::string_view pem) {
  auto certificates = TRY(read_certificates(pem));
  auto& certificate = *certificates.front();
  CertificateFacts facts;
  facts.subject = subject_of(certificate);
  facts.names = names_of(certificate);
  tm broken_down{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &broken_down) == 1)
    facts.not_after = WallTime::from_seconds(timegm(&broken_down));
  auto* key = X509_get0_pubkey(&certificate);
  if (!key) return openssl_failure(kBadCertificate, "the certificate's key");
  const char* type = EVP_PKEY_get0_type_name(key);
  facts.key = fmt::format("{} {}", type ? type : "unknown", EVP_PKEY_get_bits(key));
  return facts;
}

}  // namespace angarium::wire::tls
