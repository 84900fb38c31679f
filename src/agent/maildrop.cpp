#include "agent/maildrop.h"

#include "base/log.h"

namespace angarium::agent {
namespace {

namespace pop3 = protocol::pop3;

/// Octets of a message read at a time: what is in flight for one slow reader.
constexpr std::size_t kPieceOctets = 256 * 1024;

class Source final : public pop3::MessageSource {
 public:
  Source(mailbox::AccountMailPtr mail, mailbox::EmailPtr email) : mail_(std::move(mail)), email_(std::move(email)) {}

  io::ValueOrTask<Result<pop3::Piece>> next() override {
    if (offset_ >= (*email_)->size) return Result<pop3::Piece>(pop3::Piece{});
    auto octets = mail_->read_now(*email_, offset_, kPieceOctets);
    if (octets) return piece(*std::move(octets));
    if (octets.error().is(mailbox::kWouldBlock)) return wait();
    return Result<pop3::Piece>(std::unexpected(std::move(octets).error()));
  }

 private:
  Result<pop3::Piece> piece(std::string octets) {
    if (octets.empty()) return fail(mailbox::kDamaged, "an email is shorter than its record says");
    offset_ += octets.size();
    auto owner = std::make_shared<const std::string>(std::move(octets));
    const std::string_view view = *owner;
    return pop3::Piece{view, std::move(owner)};
  }
  io::Task<Result<pop3::Piece>> wait() { co_return piece(CO_TRY(co_await mail_->read(email_, offset_, kPieceOctets))); }

  mailbox::AccountMailPtr mail_;
  mailbox::EmailPtr email_;
  std::uint64_t offset_ = 0;
};

class Inbox final : public pop3::Maildrop {
 public:
  Inbox(MaildropLocks::Lock lock, mailbox::AccountMailPtr mail, mailbox::MailboxInfo info, mailbox::ViewPtr view)
      : lock_(std::move(lock)), mail_(std::move(mail)), info_(std::move(info)), view_(std::move(view)) {}

  [[nodiscard]] std::size_t count() const override { return view_->size(); }
  [[nodiscard]] std::uint64_t octets(std::size_t index) const override {
    return view_->at(static_cast<std::uint32_t>(index + 1)).size;
  }
  void append_unique_id(std::size_t index, std::string& to) const override {
    // RFC 1939 §7: never used again; a UID is so only together with UIDVALIDITY.
    to +=
        std::to_string(info_.uid_validity) + "." + std::to_string(view_->at(static_cast<std::uint32_t>(index + 1)).uid);
  }

  io::ValueOrTask<Result<std::unique_ptr<pop3::MessageSource>>> read(std::size_t index,
                                                                     [[maybe_unused]] pop3::Purpose purpose) override {
    auto email = mail_->email_now(view_->at(static_cast<std::uint32_t>(index + 1)).email);
    if (email) return source(*std::move(email));
    if (email.error().is(mailbox::kWouldBlock)) return wait(index);
    return Result<std::unique_ptr<pop3::MessageSource>>(std::unexpected(std::move(email).error()));
  }

  io::Task<Result<>> remove(std::span<const std::size_t> indexes) override {
    mailbox::UidSet uids;
    for (const std::size_t index : indexes) uids.add(view_->at(static_cast<std::uint32_t>(index + 1)).uid);
    CO_TRY(co_await mail_->expunge(info_.id, std::move(uids), mailbox::ExpungeOnly::any));
    co_return Result<>();
  }

 private:
  Result<std::unique_ptr<pop3::MessageSource>> source(mailbox::EmailPtr email) {
    return std::make_unique<Source>(mail_, std::move(email));
  }
  io::Task<Result<std::unique_ptr<pop3::MessageSource>>> wait(std::size_t index) {
    co_return source(CO_TRY(co_await mail_->email(view_->at(static_cast<std::uint32_t>(index + 1)).email)));
  }

  MaildropLocks::Lock lock_;
  mailbox::AccountMailPtr mail_;
  mailbox::MailboxInfo info_;
  mailbox::ViewPtr view_;
};

}  // namespace

MaildropLocks::Lock MaildropLocks::take(account::AccountId account) {
  const std::lock_guard lock(mutex_);
  return taken_.insert(account).second ? Lock(this, account) : Lock();
}

void MaildropLocks::release(account::AccountId account) {
  const std::lock_guard lock(mutex_);
  taken_.erase(account);
}

io::Task<Result<>> Pop3Authenticator::connected([[maybe_unused]] const wire::Connection& connection) {
  co_return Result<>();
}

io::Task<Result<>> Pop3Authenticator::verify_apop([[maybe_unused]] const sasl::Identity& identity,
                                                  [[maybe_unused]] std::string_view timestamp,
                                                  [[maybe_unused]] std::string_view digest) {
  // APOP needs the password itself in the directory, which keeps none: no account has it.
  co_return fail(sasl::kBadCredentials, "the user name or the password is wrong");
}

io::Task<Result<std::unique_ptr<pop3::Maildrop>>> Pop3Authenticator::open(const pop3::Login& login) {
  const account::Account account = CO_TRY(co_await credentials_.account(login.identity));
  mailbox::AccountMailPtr mail = CO_TRY(co_await desk_.services.mail().account(account.id));
  MaildropLocks::Lock lock = desk_.locks.take(account.id);
  if (!lock) co_return fail(pop3::kInUse, "another session has this maildrop open");
  // Held over the wait: a CREATE by another session replaces the listing that the record lies in.
  const mailbox::ListingPtr listing = mail->listing();
  const mailbox::MailboxInfo* inbox = listing->find(mailbox::kInbox);
  auto view = inbox != nullptr ? co_await mail->view(inbox->id)
                               : Result<mailbox::ViewPtr>(fail(mailbox::kNoMailbox, "the account has no INBOX"));
  if (!view) co_return std::unexpected(std::move(view).error());
  log::info("pop3", "login",
            {{"user", account.address}, {"mechanism", login.mechanism}, {"messages", std::uint64_t{(*view)->size()}}});
  co_return std::make_unique<Inbox>(std::move(lock), std::move(mail), *inbox, *std::move(view));
}

void Pop3Authenticator::offence(pop3::Offence kind) {
  if (kind == pop3::Offence::failed_login) credentials_.failed();
}

}  // namespace angarium::agent
