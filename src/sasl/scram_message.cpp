#include "sasl/scram_message.h"

#include <algorithm>

#include "base/text.h"

namespace angarium::sasl {
namespace {

std::unexpected<Error> malformed(std::string text) { return fail(kMalformed, "SCRAM: " + std::move(text)); }

/// Octets that no production of RFC 5802 §7 allows anywhere.
Result<> well_formed(std::string_view message) {
  if (message.size() > kMessageMax) return fail(kTooLong, "SCRAM: the message is too long");
  if (message.find('\0') != std::string_view::npos) return malformed("a NUL in the message");
  if (!valid_utf8(message)) return malformed("the message is not UTF-8");
  return {};
}

/// Reads the attributes of a message in their fixed order.
class Attributes {
 public:
  explicit Attributes(std::string_view message) : rest_(message) {}

  /// The next attribute must be `name`; its value, which is never empty.
  Result<std::string_view> require(char name) {
    if (rest_.starts_with("m=")) return malformed("a mandatory extension we do not know");  // §5.1, "m"
    if (done_ || rest_.size() < 2 || rest_[0] != name || rest_[1] != '=')
      return malformed(std::string("the attribute ") + name + " is missing");
    std::string_view attribute = next();
    attribute.remove_prefix(2);
    if (attribute.empty()) return malformed(std::string("the attribute ") + name + " is empty");
    return attribute;
  }

  /// extensions: unknown ones are skipped, to the end.
  Result<> extensions() {
    while (!done_) {
      const std::string_view attribute = next();
      if (attribute.size() < 3 || !is_alpha(attribute[0]) || attribute[1] != '=')
        return malformed("an extension that is no attribute");
      if (attribute[0] == 'm') return malformed("a mandatory extension we do not know");
    }
    return {};
  }

 private:
  std::string_view next() {
    done_ = rest_.find(',') == std::string_view::npos;
    return take_until(rest_, ',');
  }
  std::string_view rest_;
  bool done_ = false;
};

Result<std::string> printable(std::string_view nonce) {
  if (nonce.size() > kNonceMax) return fail(kTooLong, "SCRAM: the nonce is too long");
  if (!std::ranges::all_of(nonce, [](char c) { return c >= 0x21 && c <= 0x7E && c != ','; }))
    return malformed("the nonce is not printable");
  return std::string(nonce);
}

/// The attribute "r", which comes next.
Result<std::string> nonce(Attributes& attributes) { return printable(TRY(attributes.require('r'))); }

Result<std::string> base64(std::string_view text) {
  auto octets = from_base64(text);
  if (!octets) return malformed("a value is not base64");
  return *std::move(octets);
}

}  // namespace

Result<ClientFirst> parse_client_first(std::string_view message) {
  TRY(well_formed(message));
  ClientFirst first;
  std::string_view rest = message;
  first.gs2 = TRY(parse_gs2_header(rest));
  first.bare = rest;
  Attributes attributes(rest);
  const std::string_view user = TRY(attributes.require('n'));
  first.user = TRY(parse_saslname(user));
  first.nonce = TRY(nonce(attributes));
  TRY(attributes.extensions());
  return first;
}

Result<ServerFirst> parse_server_first(std::string_view message) {
  TRY(well_formed(message));
  ServerFirst first;
  Attributes attributes(message);
  first.nonce = TRY(nonce(attributes));
  const std::string_view salt = TRY(attributes.require('s'));
  if (salt.size() > kSaltMax / 3 * 4) return fail(kTooLong, "SCRAM: the salt is too long");
  first.salt = TRY(base64(salt));
  const std::string_view count = TRY(attributes.require('i'));
  const auto iterations = parse_number<std::uint32_t>(count);
  if (!iterations || count.front() == '0') return malformed("the iteration count is no positive number");
  first.iterations = *iterations;
  TRY(attributes.extensions());
  return first;
}

Result<ClientFinal> parse_client_final(std::string_view message) {
  TRY(well_formed(message));
  ClientFinal final;
  // The proof is the last attribute; base64 holds no comma.
  const std::size_t proof = message.rfind(",p=");
  if (proof == std::string_view::npos) return malformed("the proof is missing");
  final.proof = TRY(base64(message.substr(proof + 3)));
  final.without_proof = message.substr(0, proof);
  Attributes attributes(message.substr(0, proof));
  const std::string_view binding = TRY(attributes.require('c'));
  final.cbind_input = TRY(base64(binding));
  final.nonce = TRY(nonce(attributes));
  TRY(attributes.extensions());
  return final;
}

Result<ServerFinal> parse_server_final(std::string_view message) {
  TRY(well_formed(message));
  ServerFinal final;
  Attributes attributes(message);
  if (message.starts_with("e=")) {
    final.error = TRY(attributes.require('e'));
  } else {
    const std::string_view verifier = TRY(attributes.require('v'));
    final.verifier = TRY(base64(verifier));
  }
  TRY(attributes.extensions());
  return final;
}

}  // namespace angarium::sasl
