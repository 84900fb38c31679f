// Who is at the other end of a connection: the site's answers to SASL exchanges, the same for every protocol.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "account/app_password.h"
#include "account/types.h"
#include "agent/services.h"
#include "io/address.h"
#include "wire/connection/connection.h"
#include "wire/saslsec/desk.h"

namespace angarium::agent {

/// What logins are judged by, of one reading of the configuration.
struct LoginTerms {
  std::string host;                          ///< the name clients know this host by
  std::string guest;                         ///< address of the account that guests read; empty: there are none
  std::vector<std::string> guest_mailboxes;  ///< which of its mailboxes
};
LoginTerms login_terms(const configuration::Configuration& configuration);

/// One connection's counterpart for authentication. Failed attempts are counted against the peer's address, but not
/// against this host itself, whose front ends speak for many.
class CredentialDesk final : public wire::saslsec::Desk {
 public:
  /// All outlive it. `use` is what one logs in for here. `connection`, where there is one, is asked for the certificate
  /// of the client.
  CredentialDesk(Services& services, account::Use use, const io::Endpoint& peer, const LoginTerms& terms,
                 const wire::Connection* connection = nullptr);
  CredentialDesk(const CredentialDesk&) = delete;
  CredentialDesk& operator=(const CredentialDesk&) = delete;
  ~CredentialDesk() override { over(); }

  void attach(const wire::Connection& connection) { connection_ = &connection; }
  /// How the session ends when what let it in is withdrawn. Before the first login.
  void on_withdrawn(Logins::Ends ends) { ends_ = std::move(ends); }
  /// The session is in as this account, by what was proved last. Temporary: its logins were changed meanwhile.
  Result<Logins::Stay> enter(const account::Account& account);
  /// The kernel says who it is, and the account was found after this mark of Logins::now(): nobody logs in.
  void is_host_user(std::uint64_t since);

  sasl::ServerContext context() override;
  io::Task<Result<>> verify_password(const sasl::Identity& identity, const sasl::Secret& password) override;
  io::Task<Result<>> verify_authority(const sasl::Identity& identity) override;
  io::Task<Result<std::optional<sasl::ScramCredentials>>> scram_keys(const sasl::Identity& identity,
                                                                     sasl::Hash hash) override;
  io::Task<Result<std::optional<sasl::KeyCredentials>>> key(const sasl::KeyWanted& wanted) override;
  io::Task<Result<std::optional<sasl::OtpCredentials>>> otp(const sasl::Identity& identity) override;
  io::Task<Result<>> replace_otp(const sasl::OtpChange& change) override;
  io::Task<Result<std::string>> verify_token(const sasl::Identity& identity, const sasl::Secret& token) override;
  io::Task<Result<>> admit_guest(std::string_view trace) override;
  io::Task<Result<sasl::GssAnswer>> gss(sasl::GssWanted wanted) override;
  io::Task<Result<std::optional<sasl::KeyCredentials>>> plain_key(const sasl::Identity& identity) override;
  void broken_off() override;
  void over() override;

  /// The session refused a login by sasl::kBadCredentials or the like: it is told in the log, and counts as a failed
  /// attempt unless verify_password() has just counted it.
  void refused();
  /// The account of a user who has proved to be `identity`; without a look-up when verify_password() has just found it.
  /// Never a guest's.
  io::Task<Result<account::Account>> account(const sasl::Identity& identity);
  /// The account that guests read.
  io::Task<Result<account::Account>> guest_account();

  /// Whether a password may cross the connection as it is.
  [[nodiscard]] static bool plaintext_allowed(const configuration::Configuration& configuration,
                                              const io::Endpoint& peer, bool encrypted);

 private:
  Result<> begin(Logins::Way way, std::string_view name);
  Result<> begin_by_name(Logins::Way way, std::string_view name);
  io::Task<Result<std::optional<sasl::KeyCredentials>>> on_demand(sasl::Identity identity, account::Demand demand,
                                                                  std::string realm);
  [[nodiscard]] io::Task<Result<>> has_keys(account::Account account, account::Demand demand);

  Result<std::optional<sasl::ScramCredentials>> decoy(const sasl::Identity& identity, sasl::Hash hash);

  Services& services_;
  const account::Use use_;
  const LoginTerms& terms_;
  const wire::Connection* connection_;
  std::string peer_;   ///< whose failures count; empty: nobody's on this host
  std::string where_;  ///< the peer, for the log
  std::string asked_;  ///< the name of the attempt, for the log; empty: none was given
  std::optional<account::Account> verified_;
  std::string verified_name_;  ///< as its owner wrote it: users of the host need no domain
  bool counted_ = false;       ///< the verifier has counted the attempt that is being refused
  struct Turn {
    std::string name;
    std::uint64_t ticket = 0;
  };
  std::optional<Turn> otp_turn_;
  std::uint64_t began_;  ///< Logins::now() before what was proved last was judged
  Logins::Way way_;
  Logins::Ends ends_;
};

}  // namespace angarium::agent
