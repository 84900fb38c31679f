// IMAP's way in: the port's Authenticator over the directory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/budget.h"
#include "agent/credential.h"
#include "agent/imap_account.h"
#include "agent/owners.h"
#include "agent/services.h"
#include "protocol/imap/backend.h"
#include "wire/connection/connection.h"

namespace angarium::agent {

/// Of one connection.
class ImapAuthenticator final : public protocol::imap::Authenticator {
 public:
  /// All outlive it; `configuration` is the one this session began with.
  ImapAuthenticator(Services& services, Budget& budget, Owners& owners,
                    const configuration::Configuration& configuration, const wire::Connection& connection);

  [[nodiscard]] std::vector<std::string_view> enabled() const override;
  [[nodiscard]] bool login_permitted() const override;
  wire::saslsec::Desk& credentials() override { return credentials_; }
  io::Task<Result<std::shared_ptr<protocol::imap::Account>>> open(sasl::Identity identity,
                                                                  std::string_view mechanism) override;
  io::Task<Error> refused(Error error) override;

  /// As CredentialDesk::on_withdrawn().
  void on_withdrawn(Logins::Ends ends) { credentials_.on_withdrawn(std::move(ends)); }

  /// As CredentialDesk::is_host_user(), before open_account().
  void is_host_user(std::uint64_t since) { credentials_.is_host_user(since); }
  /// The account of somebody who is known by `mechanism`.
  io::Task<Result<std::shared_ptr<protocol::imap::Account>>> open_account(
      account::Account account, std::string_view mechanism, std::optional<GuestRules> guest = std::nullopt,
      std::string login = {});

  /// Whoever is let in waits for boxes no more (Caretaker::attend()).
  void stop_waiting() {
    if (waits_ != nullptr) waits_->set();
  }

 private:
  io::Task<std::optional<account::AccountId>> public_account();

  Services& services_;
  Budget& budget_;
  Owners& owners_;
  const configuration::Configuration& configuration_;
  const wire::Connection& connection_;
  const LoginTerms terms_;
  CredentialDesk credentials_;
  io::Event* waits_ = nullptr;  ///< while boxes are looked at
};

}  // namespace angarium::agent
