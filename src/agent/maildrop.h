// POP3 answered by the house: the port of protocol/pop3 over an account's INBOX.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "agent/caretaker.h"
#include "agent/credential.h"
#include "agent/services.h"
#include "protocol/pop3/backend.h"
#include "protocol/pop3/server.h"

namespace angarium::agent {

/// Which maildrops are open (RFC 1939 §4: one session at a time each). Shared by all loops.
class MaildropLocks {
 public:
  /// One maildrop, held until this ends.
  class Lock {
   public:
    Lock() = default;
    Lock(Lock&& other) noexcept : locks_(std::exchange(other.locks_, nullptr)), account_(other.account_) {}
    Lock& operator=(Lock&&) = delete;
    ~Lock() {
      if (locks_ != nullptr) locks_->release(account_);
    }
    explicit operator bool() const { return locks_ != nullptr; }

   private:
    friend MaildropLocks;
    Lock(MaildropLocks* locks, account::AccountId account) : locks_(locks), account_(account) {}
    MaildropLocks* locks_ = nullptr;
    account::AccountId account_ = 0;
  };
  /// Empty when somebody has it.
  Lock take(account::AccountId account);

 private:
  void release(account::AccountId account);

  std::mutex mutex_;
  std::set<account::AccountId> taken_;
};

/// What the sessions of one listener share. Outlives them.
struct Pop3Desk {
  Services& services;
  MaildropLocks& locks;
  protocol::pop3::ServerOptions options;
  LoginTerms logins = {};
};

class Pop3Authenticator final : public protocol::pop3::Authenticator {
 public:
  Pop3Authenticator(Pop3Desk& desk, const io::Endpoint& peer)
      : desk_(desk), credentials_(desk.services, account::Use::pop3, peer, desk.logins) {}

  io::Task<Result<>> connected(const wire::Connection& connection) override;
  wire::saslsec::Desk& credentials() override { return credentials_; }
  io::Task<Result<std::unique_ptr<protocol::pop3::Maildrop>>> open(const protocol::pop3::Login& login) override;
  void offence(protocol::pop3::Offence kind) override;

  /// As CredentialDesk::on_withdrawn().
  void on_withdrawn(Logins::Ends ends) { credentials_.on_withdrawn(std::move(ends)); }

 private:
  io::Task<Result<std::unique_ptr<protocol::pop3::Maildrop>>> open_inbox(const account::Account& account,
                                                                         MaildropLocks::Lock lock,
                                                                         const protocol::pop3::Login& login,
                                                                         Logins::Stay stay);

  Pop3Desk& desk_;
  CredentialDesk credentials_;
  Logins::Stay stay_;
  Caretaker::Attendance attendance_;
};

}  // namespace angarium::agent
