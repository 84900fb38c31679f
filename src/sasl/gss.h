// Kerberos by GSS-API (RFC 2743, 4121) as the mechanisms GSSAPI and GS2-KRB5 need it: a port, whose body is a library.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sasl/layer.h"
#include "sasl/types.h"

namespace angarium::sasl {

/// One side of a security context of Kerberos. Owned by the exchange and then by its layer, one thread at a time.
class GssContext {
 public:
  /// What step() has come to.
  struct Step {
    std::string token;  ///< for the other side; may be empty once the context is established
    bool established = false;
  };
  /// A message of the other side, taken out of its protection.
  struct Opened {
    std::string clear;
    bool sealed = false;  ///< nobody between could read it
  };

  virtual ~GssContext() = default;
  GssContext(const GssContext&) = delete;
  GssContext& operator=(const GssContext&) = delete;

  /// The other side's token; empty at an initiator's beginning. It may wait for files and for other hosts, hence not on
  /// a loop, but for an initiator's later steps. `bindings`: what both sides have to be bound to (RFC 5801 §5.1), each
  /// time the same; without a value nothing is. Errors: kMalformed, kBadCredentials, kChannelBinding, kUnavailable.
  virtual Result<Step> step(std::string_view token, const std::optional<std::string>& bindings) = 0;

  // What follows is for an established context, and waits for nothing.

  /// The most that messages can be protected by.
  [[nodiscard]] virtual Protection strongest() const = 0;
  /// The longest message that becomes at most `protected_max` octets; 0: none does.
  [[nodiscard]] virtual std::size_t clear_max(std::size_t protected_max, Protection protection) const = 0;
  /// Protection::none protects as `integrity` does.
  virtual Result<std::string> wrap(std::string_view clear, Protection protection) = 0;
  /// kLayer for what the other side did not make, or not now.
  virtual Result<Opened> unwrap(std::string_view message) = 0;

 protected:
  GssContext() = default;
};

/// What the mechanisms of a client may bind a first token to, without a value: to nothing, as GSSAPI does. For who
/// makes tokens before it is known which mechanism the server has; without an authorization identity.
std::vector<std::optional<std::string>> gss_bindings(std::span<const ChannelBinding> bindings);

/// Feed the token to the context of an acceptor, a new one where there is none yet, and call answer_gss(). Tickets have
/// to be for `service`.
struct GssWanted {
  std::unique_ptr<GssContext> context;
  std::string token;
  std::string service;
  std::optional<std::string> bindings;
};
struct GssAnswer {
  std::unique_ptr<GssContext> context;
  std::string token;
  std::optional<std::string> owner;  ///< the context is established, and this is whose: an account's name
};

/// The layer of RFC 4752 §3.3. `peer_max`: the longest buffer that the other side takes, at least one octet in clear.
/// Null for Protection::none.
Result<std::unique_ptr<SecurityLayer>> gss_layer(std::unique_ptr<GssContext> context, Protection protection,
                                                 std::size_t peer_max);

}  // namespace angarium::sasl
