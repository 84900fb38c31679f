// IMAP's way in: the port's Authenticator over the directory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/budget.h"
#include "agent/caretaker.h"
#include "agent/credential.h"
#include "agent/services.h"
#include "protocol/imap/backend.h"
#include "sasl/mechanism.h"
#include "wire/connection/connection.h"

namespace angarium::agent {

/// Of one connection.
class ImapAuthenticator final : public protocol::imap::Authenticator {
 public:
  /// All outlive it; `configuration` is the one this session began with.
  ImapAuthenticator(Services& services, Budget& budget, const configuration::Configuration& configuration,
                    const wire::Connection& connection);

  [[nodiscard]] std::vector<std::string> mechanisms() const override;
  [[nodiscard]] bool login_permitted() const override;
  io::Task<Result<std::shared_ptr<protocol::imap::Account>>> login(std::string user, std::string password) override;
  io::Task<Result<std::unique_ptr<protocol::imap::Authentication>>> authenticate(std::string mechanism) override;

  /// The account of somebody who is known by `mechanism`.
  io::Task<Result<std::shared_ptr<protocol::imap::Account>>> open(account::Account account, std::string_view mechanism);
  /// For the exchanges this object starts.
  io::Task<Result<std::shared_ptr<protocol::imap::Account>>> admit(const sasl::Identity& identity,
                                                                   std::string_view mechanism);
  /// Holds the answer to a failure back and gives it IMAP's kind.
  io::Task<Error> refuse(Error error);
  [[nodiscard]] CredentialDesk& credentials() { return credentials_; }

 private:
  [[nodiscard]] std::vector<const sasl::Mechanism*> offered() const;
  [[nodiscard]] std::vector<sasl::ChannelBinding> bindings() const;

  Services& services_;
  Budget& budget_;
  const configuration::Configuration& configuration_;
  const wire::Connection& connection_;
  CredentialDesk credentials_;
  Caretaker::Attendance attendance_;
};

}  // namespace angarium::agent
