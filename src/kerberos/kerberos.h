// Kerberos of MIT's library (libgssapi_krb5), behind the port of sasl/gss.h.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sasl/gss.h"

namespace angarium::kerberos {

/// What this host is reached by, and what it is known to the key distribution centre by.
struct AcceptorTerms {
  std::string keytab;              ///< path of the file
  std::string replay_cache;        ///< path of a file that is made: whoever has seen a ticket used can't use it again
  std::vector<std::string> hosts;  ///< tickets are for SERVICE/HOST, one of these; empty: whatever the keytab has
};

/// What initiators come with.
struct InitiatorTerms {
  std::string credentials_cache;  ///< "FILE:/path", as kinit -c has it; empty: the caller's own (KRB5CCNAME)
  std::string principal;          ///< whose tickets; empty: those of the cache's
  std::string service;            ///< "imap"
  std::string host;
  sasl::Protection protection_max = sasl::Protection::none;
  /// What the exchange may turn out to be bound to (sasl::gss_bindings()): a first token is made for each.
  std::vector<std::optional<std::string>> bindings{std::nullopt};
};

/// A side of a context that can tell whom it talks to.
class Context : public sasl::GssContext {
 public:
  /// Once it is established: the other side's principal, "anna@EXAMPLE.ORG", with \ before what is part of a name.
  [[nodiscard]] virtual const std::string& peer() const = 0;
};

/// Its step() waits for files: the keytab, the replay cache, krb5.conf. A keytab or a replay cache that can't be used
/// is sasl::kUnavailable; tickets that are over, used before, of the future, for something else, or not made with our
/// key are sasl::kBadCredentials, all in the same words for the user; kMalformed is what is no token, or one of another
/// mechanism. Their texts are the library's, for the operator.
std::unique_ptr<Context> accept(AcceptorTerms terms, std::string service);

/// Waits for the key distribution centre if there is no ticket for that service yet: its first step is made here, and
/// step("") gives it. Later ones wait for nothing. Errors: sasl::kUnavailable (no tickets, tickets that are over, or
/// none to be had now).
Result<std::unique_ptr<Context>> initiate(const InitiatorTerms& terms);

/// What is owned by an account: the name before the realm. Nothing for principals of more parts than one, such as
/// hosts' and administrators', and for names that have to be escaped.
struct Principal {
  std::string name;
  std::string realm;
};
std::optional<Principal> user_principal(std::string_view text);

}  // namespace angarium::kerberos
