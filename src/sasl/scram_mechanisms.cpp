#include <memory>
#include <utility>

#include "base/text.h"
#include "sasl/mechanism.h"
#include "sasl/scram_exchange.h"

namespace angarium::sasl {
namespace {

std::string new_nonce(Random& random) { return to_base64(random.octets(kNonceOctets)); }

template <Hash hash, ScramVariant::Plus plus>
std::unique_ptr<ServerExchange> serve(ServerContext context) {
  std::string nonce = new_nonce(*context.random);
  return std::make_unique<ScramServer>(ScramVariant{hash, plus}, std::move(context), std::move(nonce));
}
template <Hash hash, ScramVariant::Plus plus>
std::unique_ptr<ClientExchange> use(ClientContext context) {
  std::string nonce = new_nonce(*context.random);
  return std::make_unique<ScramClient>(ScramVariant{hash, plus}, std::move(context), std::move(nonce));
}
template <Hash hash, ScramVariant::Plus plus>
constexpr Mechanism row(std::string_view name) {
  const Binding binding = plus == ScramVariant::Plus::yes ? Binding::required : Binding::told;
  // What accounts keep has keys for the two shorter hashes; a password has to be set anew to get those for SHA-512.
  const ByDefault by_default = hash == Hash::sha512 ? ByDefault::off : ByDefault::on;
  return {name,         OnTheWire::proof, Needs::password,   binding,
          Grade::sound, by_default,       serve<hash, plus>, use<hash, plus>};
}

}  // namespace

// RFC 5802 §4, RFC 7677 §4
constinit const Mechanism kScramSha512Plus = row<Hash::sha512, ScramVariant::Plus::yes>("SCRAM-SHA-512-PLUS");
constinit const Mechanism kScramSha256Plus = row<Hash::sha256, ScramVariant::Plus::yes>("SCRAM-SHA-256-PLUS");
constinit const Mechanism kScramSha1Plus = row<Hash::sha1, ScramVariant::Plus::yes>("SCRAM-SHA-1-PLUS");
constinit const Mechanism kScramSha512 = row<Hash::sha512, ScramVariant::Plus::no>("SCRAM-SHA-512");
constinit const Mechanism kScramSha256 = row<Hash::sha256, ScramVariant::Plus::no>("SCRAM-SHA-256");
constinit const Mechanism kScramSha1 = row<Hash::sha1, ScramVariant::Plus::no>("SCRAM-SHA-1");

}  // namespace angarium::sasl
