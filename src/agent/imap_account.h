// A logged-in IMAP user's mailboxes: the port's Account over the mailbox room.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/budget.h"
#include "agent/services.h"
#include "mailbox/content.h"
#include "mailbox/mailbox.h"
#include "protocol/imap/backend.h"

namespace angarium::agent {

/// An error of the mailbox room or the store as the protocol's kind, so that the right response code follows.
Error imap_error(Error error);

class ImapAccount final : public protocol::imap::Account {
 public:
  /// `append_limit`: octets of a message, as STATUS tells it (RFC 7889).
  ImapAccount(Services& services, Budget& budget, std::uint64_t append_limit, std::string address,
              mailbox::AccountMailPtr mail)
      : services_(services),
        budget_(budget),
        append_limit_(append_limit),
        address_(std::move(address)),
        mail_(std::move(mail)) {}

  io::Task<Result<std::vector<protocol::imap::NameRow>>> list() override;
  [[nodiscard]] protocol::imap::Namespaces namespaces() const override;
  io::Task<Result<std::string>> create(std::string name, std::uint32_t special_use) override;
  io::Task<Result<void>> remove(std::string name) override;
  io::Task<Result<void>> rename(std::string from, std::string to) override;
  io::Task<Result<void>> subscribe(std::string name, protocol::imap::Subscription subscription) override;
  io::Task<Result<protocol::imap::StatusValues>> status(std::string name) override;
  io::Task<Result<std::shared_ptr<protocol::imap::Mailbox>>> select(std::string name,
                                                                    protocol::imap::Access access) override;
  io::Task<Result<std::unique_ptr<protocol::imap::Append>>> append(std::string name) override;
  io::Task<Result<std::unique_ptr<protocol::imap::Append>>> replace(std::string name,
                                                                    protocol::imap::Replaced replaced) override;

 private:
  io::ValueOrTask<Result<void>> renew();
  io::Task<Result<void>> load();

  Services& services_;
  Budget& budget_;
  std::uint64_t append_limit_;
  std::string address_;
  mailbox::AccountMailPtr mail_;
};

}  // namespace angarium::agent
