#include "sasl/apop.h"

#include "base/text.h"
#include "sasl/crypto.h"
#include "sasl/prepare.h"
#include "sasl/secret.h"

namespace angarium::sasl {

Result<std::string> apop_digest(std::string_view timestamp, std::string_view secret) {
  const Secret prepared(TRY(prepare(secret, kPasswordMax)));
  std::string text(timestamp);
  text.reserve(text.size() + prepared.view().size());
  text += prepared.view();
  const Secret octets(std::move(text));
  return to_hex(TRY(md5(octets.view())));
}

}  // namespace angarium::sasl
