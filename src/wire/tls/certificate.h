// Certificates and their keys, as PEM text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace angarium::wire::tls {

/// PEM that cannot be read, a key that does not belong to its certificate, a key that is too weak.
inline constexpr ErrorKind kBadCertificate{"wire.bad-certificate", Fault::user, Lasting::permanent};
/// OpenSSL failed where it should not.
inline constexpr ErrorKind kTlsLibrary{"wire.tls-library", Fault::dependency, Lasting::temporary};

/// What a server shows and proves: the certificate, then those that vouch for it; and its private key.
struct Identity {
  std::string chain_pem;
  std::string key_pem;
};

struct SelfSignedOptions {
  /// DNS names and IP addresses; the first is the subject. At least one.
  std::vector<std::string> names;
  unsigned days = 3650;
};

/// A new ECDSA P-256 key and a certificate of it for all the names, signed by itself (RFC 5280), valid from an hour
/// before `now`.
Result<Identity> make_self_signed(const SelfSignedOptions& options, WallTime now);

/// What a certificate says of itself.
struct CertificateFacts {
  std::string subject;             ///< RFC 2253
  std::vector<std::string> names;  ///< DNS names in lower case, else the common name
  std::string key;                 ///< "EC" or "RSA", and bits: "EC 256"
  WallTime not_after;
};
/// Of the first certificate of a chain.
Result<CertificateFacts> read_certificate(std::string_view pem);

}  // namespace angarium::wire::tls
