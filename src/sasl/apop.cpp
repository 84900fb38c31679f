#include "sasl/apop.h"

#include <openssl/evp.h>

#include "base/text.h"
#include "sasl/prepare.h"
#include "sasl/secret.h"

namespace angarium::sasl {

Result<std::string> apop_digest(std::string_view timestamp, std::string_view secret) {
  const Secret prepared(TRY(prepare(secret, kPasswordMax)));
  std::string text(timestamp);
  text.reserve(text.size() + prepared.view().size());
  text += prepared.view();
  const Secret octets(std::move(text));
  std::string digest(16, '\0');
  auto* start = reinterpret_cast<unsigned char*>(digest.data());
  if (EVP_Digest(octets.view().data(), octets.view().size(), start, nullptr, EVP_md5(), nullptr) != 1)
    return fail(kBroken, "the cryptographic library refused MD5");
  return to_hex(digest);
}

}  // namespace angarium::sasl
