// What accounts keep for mechanisms whose server needs something as good as the password (server.h, KeyKind). To be
// kept only for users who ask for it: who steals it logs in with it.
#pragma once

#include <string_view>

#include "sasl/secret.h"
#include "sasl/types.h"

namespace angarium::sasl {

// All take names and passwords as the user typed them, and prepare them here. Errors: kMalformed, kTooLong.

/// For CRAM-MD5, whatever the name: 32 octets.
Result<Secret> cram_md5_key(std::string_view password);
/// For DIGEST-MD5, under the name that the client will use and this realm only: 16 octets (RFC 2831 §3.9).
Result<Secret> digest_md5_key(std::string_view name, std::string_view realm, std::string_view password);
/// For NTLM, whatever the name: 16 octets ([MS-NLMP] §3.3.2, NTOWFv1 of the password).
Result<Secret> nt_hash(std::string_view password);

}  // namespace angarium::sasl
