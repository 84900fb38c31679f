// The digest of POP3's APOP (RFC 1939 §7): no SASL mechanism, but of the same trade.
#pragma once

#include <string>
#include <string_view>

#include "sasl/types.h"

namespace angarium::sasl {

/// MD5 of the greeting's timestamp (with its angle brackets) and the secret, in lower-case hexadecimal. The secret is
/// SASLprep'ed (RFC 6856 §2.2), so this takes it as the user typed it. Weak: who hears it can guess off-line.
Result<std::string> apop_digest(std::string_view timestamp, std::string_view secret);

}  // namespace angarium::sasl
