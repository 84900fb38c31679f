// The arithmetic of DIGEST-MD5 (RFC 2831 §2.1.2.1), shared by both sides.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "sasl/digest_message.h"
#include "sasl/layer.h"
#include "sasl/secret.h"

namespace angarium::sasl {

enum class DigestSide { client, server };

/// H({ username, ":", realm, ":", passwd }), each in ISO 8859-1 if that can be.
Result<Secret> digest_user_key(std::string_view name, std::string_view realm, std::string_view password);
/// H(A1): 16 octets.
Result<Secret> digest_session_key(std::string_view user_key, const DigestResponse& response);
/// The value of "response", which the client proves itself with, or of "rspauth", the server's.
Result<std::string> digest_value(std::string_view session_key, const DigestResponse& response, DigestSide proves);
/// The layer that was agreed on; null for Protection::none.
Result<std::unique_ptr<SecurityLayer>> digest_layer(std::string_view session_key, Protection protection,
                                                    DigestCipher cipher, DigestSide ours, std::size_t peer_max);

}  // namespace angarium::sasl
