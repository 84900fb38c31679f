// A logged-in IMAP user's mailboxes: the port's Account over the mailbox room.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/budget.h"
#include "agent/caretaker.h"
#include "agent/services.h"
#include "mailbox/content.h"
#include "mailbox/mailbox.h"
#include "protocol/imap/backend.h"

namespace angarium::agent {

/// An error of the mailbox room or the store as the protocol's kind, so that the right response code follows.
Error imap_error(Error error);

/// What of an account guests (RFC 4505) may look at, and change nothing of.
struct GuestRules {
  std::vector<std::string> mailboxes;
};

/// Rights of guests in what they see.
inline constexpr protocol::imap::Rights kGuestRights = protocol::imap::kRightLookup | protocol::imap::kRightRead;

/// Who uses mailboxes that are not their own.
struct ImapReader {
  account::AccountId id = 0;
  std::vector<std::string> identifiers;  ///< by which lists may mean them
};
/// What a mailbox's list grants to any of them.
protocol::imap::Rights rights_of(const mailbox::MailboxInfo& info, const std::vector<std::string>& identifiers);

class ImapAccount final : public protocol::imap::Account {
 public:
  /// `append_limit`: octets of a message, as STATUS tells it (RFC 7889).
  /// `login`: the name that its user wrote, which may be shorter than the address.
  ImapAccount(Services& services, Budget& budget, std::uint64_t append_limit, std::string address, std::string login,
              mailbox::AccountMailPtr mail, std::optional<GuestRules> guest = std::nullopt,
              Caretaker::Attendance attendance = {}, std::optional<ImapReader> reader = std::nullopt)
      : services_(services),
        budget_(budget),
        append_limit_(append_limit),
        address_(std::move(address)),
        login_(std::move(login)),
        mail_(std::move(mail)),
        guest_(std::move(guest)),
        attendance_(std::move(attendance)),
        reader_(std::move(reader)) {}

  io::Task<Result<std::vector<protocol::imap::NameRow>>> list() override;
  [[nodiscard]] protocol::imap::Namespaces namespaces() const override;
  io::Task<Result<std::string>> create(std::string name, std::uint32_t special_use) override;
  io::Task<Result<void>> remove(std::string name) override;
  io::Task<Result<void>> rename(std::string from, std::string to) override;
  io::Task<Result<void>> subscribe(std::string name, protocol::imap::Subscription subscription) override;
  io::Task<Result<protocol::imap::StatusValues>> status(std::string name) override;
  io::Task<Result<std::uint64_t>> deleted_octets(std::string name) override;
  io::Task<Result<std::vector<protocol::imap::QuotaRoot>>> quota_roots(std::string name) override;
  io::Task<Result<protocol::imap::QuotaRoot>> quota(std::string root) override;
  io::Task<Result<std::vector<protocol::imap::Annotation>>> annotations(std::string mailbox) override;
  io::Task<Result<void>> annotate(std::string mailbox, std::vector<protocol::imap::Annotation> changes) override;
  std::unique_ptr<protocol::imap::AnnotationWatch> watch_annotations(io::Event& event) override;
  [[nodiscard]] std::string owner() const override { return address_; }
  io::Task<Result<protocol::imap::AccessList>> access(std::string name) override;
  io::Task<Result<void>> set_access(std::string name, protocol::imap::AccessLine line,
                                    protocol::imap::AccessChange change) override;
  io::Task<Result<std::shared_ptr<protocol::imap::Mailbox>>> select(std::string name,
                                                                    protocol::imap::Access access) override;
  std::unique_ptr<protocol::imap::AccountWatcher> watch(io::Event& event) override;
  io::Task<Result<std::unique_ptr<protocol::imap::Append>>> append(std::string name) override;
  io::Task<Result<std::unique_ptr<protocol::imap::Append>>> replace(std::string name,
                                                                    protocol::imap::Replaced replaced) override;
  [[nodiscard]] bool is_user(std::string_view name) const override;
  [[nodiscard]] bool is_guest() const override { return guest_.has_value(); }
  io::Task<Result<std::shared_ptr<protocol::imap::Account>>> of_user(std::string name) override;
  io::Task<Result<std::optional<std::string>>> url_key(std::string mailbox) override;
  io::Task<Result<std::string>> make_url_key(std::string mailbox) override;
  io::Task<Result<void>> remove_url_keys(std::optional<std::string> mailbox) override;

  /// As it is after failures of the store.
  io::Task<Result<mailbox::AccountMailPtr>> mail();

 private:
  [[nodiscard]] protocol::imap::Rights rights_in(const mailbox::MailboxInfo& info) const;
  [[nodiscard]] mailbox::MetadataOwner notes_of() const { return reader_ ? reader_->id : mail_->id(); }
  [[nodiscard]] bool visible(std::string_view name) const;
  [[nodiscard]] Result<void> may_change() const;
  struct Watched;

  io::ValueOrTask<Result<void>> renew();
  /// A mailbox of messages whose URLs may be signed.
  [[nodiscard]] Result<mailbox::MailboxId> signed_for(const std::string& name) const;
  /// Whose annotations are meant; empty: the server's, which are kept with the account.
  [[nodiscard]] Result<mailbox::MailboxId> annotated(const std::string& name) const;
  io::Task<Result<void>> load();
  static std::uint64_t next_session();

  Services& services_;
  Budget& budget_;
  std::uint64_t append_limit_;
  std::string address_;
  std::string login_;
  mailbox::AccountMailPtr mail_;
  std::optional<GuestRules> guest_;
  Caretaker::Attendance attendance_;
  std::optional<ImapReader> reader_;
  std::vector<std::weak_ptr<Watched>> watched_;   ///< owned by the watchers the session holds
  const std::uint64_t session_ = next_session();  ///< this one among all, as author of changes
};

}  // namespace angarium::agent
