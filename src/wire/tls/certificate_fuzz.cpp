// PEM of any octets is read or refused, and so is a certificate of ours with octets changed, left out or put in.
#include "wire/tls/certificate.h"

#include <cstdint>
#include <cstdlib>

#include "base/text.h"
#include "wire/tls/openssl.h"

using namespace angarium;
using namespace angarium::wire::tls;

namespace {

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----\n";
constexpr std::string_view kEnd = "\n-----END CERTIFICATE-----\n";

/// The DER form of a certificate with names of every kind.
const std::string& sample() {
  static const std::string der = [] {
    const auto made = make_self_signed({.names = {"a.test", "*.b.test", "192.0.2.1", "2001:db8::1"}},
                                       WallTime::from_seconds(1'800'000'000));
    std::string_view pem = made.value().chain_pem;
    pem = pem.substr(kBegin.size(), pem.find(kEnd) - kBegin.size());
    std::string base64;
    while (!pem.empty()) base64 += take_until(pem, '\n');
    return from_base64(base64).value();
  }();
  return der;
}

/// Edits of four octets each: what, where (two), and with which octet.
std::string edited(std::string_view edits) {
  std::string der = sample();
  for (; edits.size() >= 4 && !der.empty(); edits.remove_prefix(4)) {
    const std::size_t at =
        (static_cast<unsigned char>(edits[1]) * 256u + static_cast<unsigned char>(edits[2])) % der.size();
    switch (static_cast<unsigned char>(edits[0]) % 4) {
      case 0: der.erase(at, 1); break;
      case 1: der.insert(at, 1, edits[3]); break;
      default: der[at] = edits[3];
    }
  }
  return der;
}

void read(std::string_view pem) {
  const auto facts = read_certificate(pem);
  const auto all = read_certificates(pem);
  if (facts && !all) std::abort();
  if (all && (all->empty() || all->size() > kMostCertificates)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  read(octets);
  (void)read_key(octets);
  read(std::string(kBegin) + to_base64(edited(octets)) + std::string(kEnd));
  return 0;
}
