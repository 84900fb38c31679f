// The client's half of every mechanism against a hostile server. SCRAM may never believe it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "sasl/digest_exchange.h"
#include "sasl/digest_keys.h"
#include "sasl/mechanism.h"
#include "sasl/memory_gss.h"
#include "sasl/prepare.h"
#include "sasl/scram_exchange.h"

using namespace angarium;
using namespace angarium::sasl;

namespace {

/// A hostile server's challenge, and what it then sends under the layer.
void digest(std::string_view input, unsigned mode) {
  const Protection protection = mode % 3 == 0   ? Protection::none
                                : mode % 3 == 1 ? Protection::integrity
                                                : Protection::confidentiality;
  DigestClient client({.identity = {"user", ""},
                       .password = Secret::copy("pencil"),
                       .service = "imap",
                       .host = "host",
                       .protection_min = protection,
                       .protection_max = protection},
                      "abc");
  const auto response = client.respond(take_until(input, '\n'));
  if (client.finish(input)) std::abort();
  if (response && parse_digest_response(*response)->username != "user") std::abort();
  constexpr std::string_view key = "0123456789abcdef";
  const auto cipher = static_cast<DigestCipher>(mode % 4);
  const auto sealed = cipher == DigestCipher::none ? Protection::integrity : Protection::confidentiality;
  auto layer = digest_layer(key, sealed, cipher, DigestSide::client, 65'536);
  if (!layer || (*layer)->unwrap(input)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const unsigned mode = data[0];
  input.remove_prefix(1);
  if (auto prepared = prepare_name(input);
      prepared && prepare_name(*prepared).value_or("") != *prepared && all_ascii(input))
    std::abort();
  // A fixed nonce lets the fuzzer get past the first message; few iterations let it be quick.
  ClientContext context{
      .identity = {"user", ""}, .password = Secret::copy("pencil"), .iterations_min = 1, .iterations_max = 4};
  ScramClient client({mode % 2 == 0 ? Hash::sha1 : Hash::sha256, ScramVariant::Plus::no}, std::move(context), "abc");
  if (!client.initial_response()) std::abort();
  const bool answered = client.respond(take_until(input, '\n')).has_value();
  const bool verified = answered && client.respond(take_until(input, '\n')).has_value();
  if (client.finish(verified ? "" : input) || verified) std::abort();
  digest(input, mode);
  for (const Mechanism* mechanism : mechanisms()) {
    auto other = mechanism->use({.identity = {"user", ""},
                                 .password = Secret::copy("pencil"),
                                 .bindings = {{"tls-exporter", "0123"}},
                                 .iterations_max = 4096,
                                 .service = "imap",
                                 .host = "host",
                                 .gss = memory_gss_initiator("user", "imap")});
    if (!other->initial_response()) continue;
    // Those that may answer answer once or twice, and what is not PLAIN, EXTERNAL or ANONYMOUS does not end at once.
    const bool silent = mechanism->name == "PLAIN" || mechanism->name == "EXTERNAL" || mechanism->name == "ANONYMOUS";
    const bool one = other->respond(input).has_value();
    const bool two = other->respond(input).has_value();
    const bool twice = mechanism->name == "LOGIN" || mechanism->name == "GSSAPI";
    if ((one && silent) || (two && !twice)) std::abort();
  }
  return 0;
}
