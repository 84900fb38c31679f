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
/// Whether an exchange is bound to the channel below. told: it is not, and tells the server whether it could have been,
/// so that a server with -PLUS notices when somebody has taken that from its list (RFC 5802 §6, RFC 5801 §5).
enum class Binding { none, told, required };
/// Whether it can agree on something that protects the octets behind it (layer.h).
enum class Layers { none, negotiated };
/// A weak one lets who listens guess the password, or needs the server to keep what is as good as the password, or
/// proves nothing. The server's list is not to be trusted with the choice: clients take them only with leave.
enum class Grade { sound, weak };
/// Whether a site that says nothing has it. Off: weak, or of no use before something else is set up.
enum class ByDefault { on, off };

/// One mechanism, declared once in the file that implements it. To add one: its file, its name
/// below and its place in the table of mechanism.cpp.
struct Mechanism {
  std::string_view name;  ///< RFC 4422 §3.1, upper case
  OnTheWire on_the_wire;
  Needs needs;
  Binding binding;
  Grade grade;
  ByDefault by_default;
  std::unique_ptr<ServerExchange> (*serve)(ServerContext context);
  std::unique_ptr<ClientExchange> (*use)(ClientContext context);
  Layers layers = Layers::none;
};

extern const Mechanism kScramSha512Plus;
extern const Mechanism kScramSha256Plus;
extern const Mechanism kScramSha1Plus;
extern const Mechanism kGs2Krb5Plus;
extern const Mechanism kScramSha512;
extern const Mechanism kScramSha256;
extern const Mechanism kScramSha1;
extern const Mechanism kGs2Krb5;
extern const Mechanism kGssapi;
extern const Mechanism kExternal;
extern const Mechanism kOauthBearer;
extern const Mechanism kXoauth2;
extern const Mechanism kOtp;
extern const Mechanism kDigestMd5;
extern const Mechanism kNtlm;
extern const Mechanism kCramMd5;
extern const Mechanism kSkey;
extern const Mechanism kPlain;
extern const Mechanism kLogin;
extern const Mechanism kAnonymous;

/// All that are built in, strongest first.
std::span<const Mechanism* const> mechanisms();
/// By name, without regard to case; null if there is none.
const Mechanism* find_mechanism(std::string_view name);

/// The names of those that are on by default.
std::vector<std::string_view> default_mechanisms();

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
/// For ServerContext and ClientContext: whether a mechanism with channel binding is among those that need the same.
PlusOffered plus_among(std::span<const std::string_view> names, Needs needs = Needs::password);

/// Whether the client knows who answers at the other end of TLS: by a certificate, or a key it has seen before. Without
/// TLS nobody is known, and all see that.
enum class Peer { known, unknown };

/// What the client has.
struct Choice {
  /// The server's list.
  std::span<const std::string_view> names;
  Needs has = Needs::password;
  Plaintext plaintext = Plaintext::refused;
  bool has_bindings = false;
  /// Unknown: of sound proofs only those will do that are bound to the channel, or would let the server notice that
  /// somebody hid those. Another one could be carried on by whoever stands between, who would have the session.
  Peer peer = Peer::known;
  /// Whether weak mechanisms may be used where there is no sound one; a password in plain text over TLS is sound.
  enum class Weak { refused, allowed } weak = Weak::refused;
  /// Whether one is preferred that can protect what follows, or no other will do. Among sound ones, then among weak.
  enum class Layer { unwanted, preferred, required } layer = Layer::unwanted;
};
/// The strongest both sides have; null if there is none.
const Mechanism* choose(const Choice& choice);

}  // namespace angarium::sasl
