// The server's half of every mechanism on lines of hostile input; each request for credentials is answered in one of
// the ways a caller may answer. Nothing but the right password may succeed.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "sasl/line.h"
#include "sasl/mechanism.h"

using namespace angarium;
using namespace angarium::sasl;

namespace {

const ScramKeys& keys(Hash hash) {
  static const ScramKeys sha1 = scram_keys("pencil", "0123456789abcdef", 4096, Hash::sha1).value();
  static const ScramKeys sha256 = scram_keys("pencil", "0123456789abcdef", 4096, Hash::sha256).value();
  return hash == Hash::sha1 ? sha1 : sha256;
}

ServerStep answer(ServerExchange& server, ServerStep step, unsigned mode) {
  if (auto* wanted = std::get_if<PasswordWanted>(&step))
    return server.answer_verdict(wanted->password.view() == "pencil" ? Result<>() : fail(kBadCredentials, ""));
  if (std::holds_alternative<AuthorityWanted>(step)) return server.answer_verdict({});
  if (auto* wanted = std::get_if<ScramKeysWanted>(&step)) {
    if (mode % 3 == 0) return server.answer_scram(std::optional<ScramCredentials>());
    return server.answer_scram(
        ScramCredentials{keys(wanted->hash), mode % 3 == 1 ? Authority::granted : Authority::refused});
  }
  return step;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const Mechanism& mechanism = *mechanisms()[data[0] % mechanisms().size()];
  const unsigned mode = data[1];
  input.remove_prefix(2);
  SeededRandom random(1);
  auto server = mechanism.serve({.bindings = {{"tls-exporter", "0123"}},
                                 .plus_offered = mode % 2 == 0 ? PlusOffered::no : PlusOffered::yes,
                                 .external_identity = mode % 5 == 0 ? std::optional<std::string>("ann") : std::nullopt,
                                 .fake_salt_key = "k",
                                 .random = &random});
  const std::string_view first = take_until(input, '\n');
  ServerStep step = answer(*server, server->start(first.empty() ? std::nullopt : std::optional(first)), mode);
  for (int round = 0; round < 8 && std::holds_alternative<Challenge>(step); ++round)
    step = answer(*server, server->step(take_until(input, '\n')), mode);
  // A proof is a message authentication code over our nonce: no input of the fuzzer can hold it.
  if (std::holds_alternative<Success>(step) && mechanism.on_the_wire == OnTheWire::proof) std::abort();
  if (auto response = decode_response(first);
      response && !first.empty() && decode_initial_response(first).value_or("") != *response)
    std::abort();
  return 0;
}
