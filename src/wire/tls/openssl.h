// OpenSSL's objects with owners, and its errors as ours; only this room's .cpp files include it.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace angarium::wire::tls {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Freer<SSL_free>>;

/// The oldest error of OpenSSL's queue in words, and an empty queue.
std::string take_openssl_errors();

/// An error of `kind` with OpenSSL's reason.
std::unexpected<Error> openssl_failure(const ErrorKind& kind, std::string_view what);

/// The certificates of PEM text, at least one and at most kMostCertificates.
inline constexpr std::size_t kMostCertificates = 512;  ///< a system's bundle of authorities has about 150
Result<std::vector<Certificate>> read_certificates(std::string_view pem);
Result<Key> read_key(std::string_view pem);
/// DNS names in lower case; the common name when there are none.
std::vector<std::string> names_of(const X509& certificate);
std::string subject_of(const X509& certificate);
/// SHA-256 of the SubjectPublicKeyInfo, in hexadecimal (as RFC 7469 §2.4 pins keys).
std::string key_digest_of(const X509& certificate);
/// The first mail address it is made out to (RFC 5280 §4.2.1.6, or the subject), or empty.
std::string mailbox_of(X509& certificate);

}  // namespace angarium::wire::tls
