// The client's half of every mechanism against a hostile server. SCRAM may never believe it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "sasl/mechanism.h"
#include "sasl/prepare.h"
#include "sasl/scram_exchange.h"

using namespace angarium;
using namespace angarium::sasl;

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
  for (const Mechanism* mechanism : mechanisms()) {
    auto other = mechanism->use({.identity = {"user", ""},
                                 .password = Secret::copy("pencil"),
                                 .bindings = {{"tls-exporter", "0123"}},
                                 .iterations_max = 4096});
    if (!other->initial_response()) continue;
    // Only LOGIN answers whatever the server says.
    if (auto response = other->respond(input); response && mechanism->name != "LOGIN" && !input.starts_with("r="))
      std::abort();
  }
  return 0;
}
