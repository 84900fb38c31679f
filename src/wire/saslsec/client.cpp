#include "wire/saslsec/client.h"

#include "wire/saslsec/connection.h"
#include "wire/saslsec/exchange.h"

namespace angarium::wire::saslsec {
namespace {

sasl::Choice::Layer wanted(const sasl::ClientContext& credentials) {
  using Layer = sasl::Choice::Layer;
  if (credentials.protection_min != sasl::Protection::none) return Layer::required;
  return credentials.protection_max != sasl::Protection::none ? Layer::preferred : Layer::unwanted;
}

}  // namespace

const sasl::Mechanism* choose_on(const Connection& connection, std::span<const std::string_view> names,
                                 sasl::ClientContext& credentials, sasl::Plaintext plaintext, sasl::Choice::Weak weak) {
  credentials.bindings = channel_bindings(connection);
  credentials.plus_offered = sasl::plus_among(names, credentials.has);
  const bool tls = connection.tls() != nullptr;
  // A second layer would only cost.
  if (tls) credentials.protection_min = credentials.protection_max = sasl::Protection::none;
  return sasl::choose({.names = names,
                       .has = credentials.has,
                       .plaintext = plaintext,
                       .has_bindings = !credentials.bindings.empty(),
                       .peer = tls && plaintext == sasl::Plaintext::refused ? sasl::Peer::unknown : sasl::Peer::known,
                       .weak = weak,
                       .layer = wanted(credentials)});
}

std::unique_ptr<Connection> secured(Connection& below, sasl::ClientExchange& exchange, Input& input) {
  auto layer = exchange.take_layer();
  if (layer == nullptr) return nullptr;
  auto over = secured(below, std::move(layer), input.view());
  input.clear();
  return over;
}

}  // namespace angarium::wire::saslsec
