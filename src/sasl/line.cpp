#include "sasl/line.h"

#include "base/text.h"

namespace angarium::sasl {

Result<std::string> decode_response(std::string_view line) {
  if (line == "*") return fail(kAborted, "the client cancelled the authentication");
  if (line.size() > kMessageMax / 3 * 4) return fail(kTooLong, "an authentication response is too long");
  auto octets = from_base64(line);
  if (!octets) return fail(kMalformed, "an authentication response is not base64");
  return *std::move(octets);
}

Result<std::string> decode_initial_response(std::string_view text) {
  if (text == "=") return std::string();
  if (text.empty()) return fail(kMalformed, "an initial response is missing");
  return decode_response(text);
}

std::string encode_initial_response(std::string_view octets) { return octets.empty() ? "=" : to_base64(octets); }

}  // namespace angarium::sasl
