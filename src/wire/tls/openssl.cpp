#include "wire/tls/openssl.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <climits>

#include "base/text.h"
#include "wire/tls/certificate.h"

namespace angarium::wire::tls {

std::string take_openssl_errors() {
  auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  if (const char* reason = ERR_reason_error_string(code)) return reason;
  char text[160];
  ERR_error_string_n(code, text, sizeof text);
  return text;
}

std::unexpected<Error> openssl_failure(const ErrorKind& kind, std::string_view what) {
  return fail(kind, fmt::format("{}: {}", what, take_openssl_errors()));
}

namespace {

Result<Bio> bio_on(std::string_view text) {
  if (text.size() > INT_MAX) return fail(kBadCertificate, "too long");
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) return openssl_failure(kTlsLibrary, "BIO");
  return bio;
}

int no_passphrase(char*, int, int, void*) { return -1; }

std::string text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

}  // namespace

Result<std::vector<Certificate>> read_certificates(std::string_view pem) {
  auto bio = TRY(bio_on(pem));
  std::vector<Certificate> certificates;
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)) {
    certificates.emplace_back(next);
    if (certificates.size() > kMostCertificates) return fail(kBadCertificate, "too many certificates");
  }
  bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (certificates.empty() || !at_end) return openssl_failure(kBadCertificate, "not a PEM certificate");
  ERR_clear_error();
  return certificates;
}

Result<Key> read_key(std::string_view pem) {
  auto bio = TRY(bio_on(pem));
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) return openssl_failure(kBadCertificate, "not a PEM private key without a passphrase");
  return key;
}

std::vector<std::string> names_of(const X509& certificate) {
  std::vector<std::string> names;
  auto* alternatives =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
    auto* name = sk_GENERAL_NAME_value(alternatives, i);
    if (name->type == GEN_DNS) names.push_back(to_lower(text_of(name->d.dNSName)));
  }
  GENERAL_NAMES_free(alternatives);
  if (!names.empty()) return names;
  const auto* subject = X509_get_subject_name(&certificate);
  auto index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index >= 0) names.push_back(to_lower(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)))));
  return names;
}

std::string subject_of(const X509& certificate) {
  Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || X509_NAME_print_ex(bio.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253) < 0) return {};
  char* text = nullptr;
  auto size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string key_digest_of(const X509& certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(&certificate), &der);
  if (size < 0) return {};
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned count = 0;
  const int done = EVP_Digest(der, static_cast<std::size_t>(size), digest.data(), &count, EVP_sha256(), nullptr);
  OPENSSL_free(der);
  if (done != 1) return {};
  return to_hex({reinterpret_cast<const char*>(digest.data()), count});
}

std::string mailbox_of(X509& certificate) {
  STACK_OF(OPENSSL_STRING)* all = X509_get1_email(&certificate);
  std::string first;
  if (all != nullptr && sk_OPENSSL_STRING_num(all) > 0) first = sk_OPENSSL_STRING_value(all, 0);
  X509_email_free(all);
  return all_ascii(first) ? first : std::string();
}

}  // namespace angarium::wire::tls
