// What a server's exchanges ask of the site, answered in coroutines: one door for every protocol.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "io/task.h"
#include "sasl/server.h"

namespace angarium::wire::saslsec {

/// The password is right as far as anybody can tell, but the account has no keys for this mechanism: logging in once
/// with the password itself makes them (RFC 4954 §6, 432). Said to those alone who have proved before who they are.
inline constexpr ErrorKind kTransition{"saslsec.password-transition", Fault::user, Lasting::temporary};

/// One connection's counterpart for authentication, whatever the protocol. One call at a time; each task is awaited to
/// its end, or dropped with the session. Each function answers the request of its name (sasl/server.h).
class Desk {
 public:
  virtual ~Desk() = default;

  /// The site's part of an exchange's context: salt key, iterations, names, an external identity. What the connection
  /// and the protocol know is filled in by server_context().
  virtual sasl::ServerContext context() = 0;

  /// sasl::PasswordWanted; also for logins without SASL, with prepared names.
  virtual io::Task<Result<>> verify_password(const sasl::Identity& identity, const sasl::Secret& password) = 0;
  virtual io::Task<Result<>> verify_authority(const sasl::Identity& identity) = 0;
  virtual io::Task<Result<std::optional<sasl::ScramCredentials>>> scram_keys(const sasl::Identity& identity,
                                                                             sasl::Hash hash) = 0;
  virtual io::Task<Result<std::optional<sasl::KeyCredentials>>> key(const sasl::KeyWanted& wanted) = 0;
  virtual io::Task<Result<std::optional<sasl::OtpCredentials>>> otp(const sasl::Identity& identity) = 0;
  /// Durable when it returns.
  virtual io::Task<Result<>> replace_otp(const sasl::OtpChange& change) = 0;
  virtual io::Task<Result<std::string>> verify_token(const sasl::Identity& identity, const sasl::Secret& token) = 0;
  virtual io::Task<Result<>> admit_guest(std::string_view trace) = 0;
  virtual io::Task<Result<sasl::GssAnswer>> gss(sasl::GssWanted wanted) = 0;
  /// The password itself, for APOP (RFC 1939 §7).
  virtual io::Task<Result<std::optional<sasl::KeyCredentials>>> plain_key(const sasl::Identity& identity) = 0;

  /// The exchange was dropped behind the name, before any proof; over() follows.
  virtual void broken_off() {}
  /// The exchange is over, however it ended: what was held for it is let go.
  virtual void over() {}
};

}  // namespace angarium::wire::saslsec
