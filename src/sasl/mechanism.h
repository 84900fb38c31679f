// The table of mechanisms: what each is, which to offer, which to choose.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "sasl/client.h"
#include "sasl/server.h"
#include "sasl/types.h"

namespace angarium::sasl {

/// What the client sends of its password.
enum class OnTheWire { plaintext, proof, nothing };
/// What the client needs to have.
enum class Needs { password, external_identity };
enum class Binding { none, required };

/// One mechanism, declared once in the file that implements it. To add one: its file, its name
/// below and its place in the table of mechanism.cpp.
struct Mechanism {
  std::string_view name;  ///< RFC 4422 §3.1, upper case
  OnTheWire on_the_wire;
  Needs needs;
  Binding binding;
  std::unique_ptr<ServerExchange> (*serve)(ServerContext context);
  std::unique_ptr<ClientExchange> (*use)(ClientContext context);
};

extern const Mechanism kScramSha256Plus;
extern const Mechanism kScramSha1Plus;
extern const Mechanism kScramSha256;
extern const Mechanism kScramSha1;
extern const Mechanism kExternal;
extern const Mechanism kPlain;
extern const Mechanism kLogin;

/// All that are built in, strongest first.
std::span<const Mechanism* const> mechanisms();
/// By name, without regard to case; null if there is none.
const Mechanism* find_mechanism(std::string_view name);

/// A password may cross this connection as it is: TLS, or the site's policy for plain ones.
enum class Plaintext { refused, allowed };

/// What decides which mechanisms a connection is offered.
struct Offer {
  /// Names the site has switched on; others are never offered.
  std::span<const std::string_view> enabled;
  Plaintext plaintext = Plaintext::refused;
  bool has_bindings = false;
  bool has_external_identity = false;
};
/// Strongest first. The same test decides whether a client may use one.
std::vector<const Mechanism*> offered(const Offer& offer);
bool is_offered(const Mechanism& mechanism, const Offer& offer);
/// For ServerContext and ClientContext.
PlusOffered plus_among(std::span<const std::string_view> names);

/// What the client has.
struct Choice {
  /// The server's list.
  std::span<const std::string_view> names;
  Needs has = Needs::password;
  Plaintext plaintext = Plaintext::refused;
  bool has_bindings = false;
};
/// The strongest both sides have; null if there is none.
const Mechanism* choose(const Choice& choice);

}  // namespace angarium::sasl
