// SASL messages as text protocols carry them: base64 in a line (RFC 4954 §4, RFC 5034 §4, RFC 9051 §6.2.2).
#pragma once

#include <string>
#include <string_view>

#include "sasl/types.h"

namespace angarium::sasl {

/// A response line without its line end. kAborted for "*" (RFC 4422 §3.5), kMalformed for what is not base64, kTooLong.
Result<std::string> decode_response(std::string_view line);
/// An initial response given on the command line, where "=" stands for an empty one.
Result<std::string> decode_initial_response(std::string_view text);
/// The inverse: "=" when empty.
std::string encode_initial_response(std::string_view octets);

}  // namespace angarium::sasl
