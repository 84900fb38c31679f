#include "agent/maildrop.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "mailbox/ascii_email.h"

namespace angarium::agent {
namespace {

namespace pop3 = protocol::pop3;

/// Octets of a message that are in hand before it is announced, and at most in flight for one slow reader.
constexpr std::size_t kInHand = 256 * 1024;

class Source final : public pop3::MessageSource {
 public:
  /// `ascii`: how the form differs that is given; null: none, the email itself.
  Source(mailbox::AccountMailPtr mail, mailbox::EmailPtr email, mailbox::AsciiFormPtr ascii, std::string_view line_end)
      : mail_(std::move(mail)),
        email_(std::move(email)),
        ascii_(std::move(ascii)),
        size_(ascii_ ? ascii_->shown((*email_)->size) : (*email_)->size),
        line_end_size_(line_end.size()),
        line_end_(line_end) {}

  [[nodiscard]] std::uint64_t octets() const override { return size_ + line_end_size_; }
  io::ValueOrTask<Result<pop3::Piece>> next() override {
    if (ahead_at_ < ahead_.size()) return Result<pop3::Piece>(std::move(ahead_[ahead_at_++]));
    if (!std::exchange(begun_, true)) return first();
    const message::Range place = rest();
    auto now = read_now(place);
    if (now || !now.error().is(mailbox::kWouldBlock)) return now;
    return wait(place);
  }

 private:
  Result<pop3::Piece> piece(std::string octets) {
    if (octets.empty()) return fail(mailbox::kDamaged, "an email is shorter than its record says");
    offset_ += octets.size();
    auto owner = std::make_shared<const std::string>(std::move(octets));
    const std::string_view view = *owner;
    return pop3::Piece{view, std::move(owner)};
  }
  [[nodiscard]] message::Range rest() const { return {offset_, std::min<std::uint64_t>(kInHand, size_ - offset_)}; }
  Result<pop3::Piece> read_now(message::Range place) {
    if (offset_ >= size_) return pop3::Piece{std::exchange(line_end_, {}), nullptr};
    if (ascii_) {
      const message::AsciiForm::Stretch stretch = ascii_->at(place.begin, place.size);
      if (!stretch.octets.empty()) {
        offset_ += stretch.octets.size();
        return pop3::Piece{stretch.octets, ascii_};
      }
    }
    place = original(place);
    return piece(TRY(mail_->read_now(*email_, place.begin, static_cast<std::size_t>(place.size))));
  }
  io::Task<Result<pop3::Piece>> wait(message::Range place) {
    place = original(place);
    co_return piece(CO_TRY(co_await mail_->read(email_, place.begin, static_cast<std::size_t>(place.size))));
  }
  /// Of the email itself, up to the end of a chunk there.
  [[nodiscard]] message::Range original(message::Range place) const {
    if (ascii_) place = ascii_->at(place.begin, place.size).original;
    place.size = std::min(place.size, email_->piece_from(place.begin));
    return place;
  }
  /// The beginning is in hand before +OK, which can't be taken back: kInHand octets, as far as there are.
  io::Task<Result<pop3::Piece>> first() {
    do {
      const message::Range place = rest();
      auto piece = read_now(place);
      if (!piece && piece.error().is(mailbox::kWouldBlock)) piece = co_await wait(place);
      ahead_.push_back(CO_TRY(std::move(piece)));
    } while (offset_ < std::min<std::uint64_t>(size_, kInHand));
    co_return std::move(ahead_[ahead_at_++]);
  }

  mailbox::AccountMailPtr mail_;
  mailbox::EmailPtr email_;
  mailbox::AsciiFormPtr ascii_;
  std::uint64_t size_;
  std::uint64_t offset_ = 0;
  std::vector<pop3::Piece> ahead_;  ///< read and not yet given
  std::size_t ahead_at_ = 0;
  bool begun_ = false;
  std::size_t line_end_size_;
  std::string_view line_end_;  ///< not yet given
};

/// What a guest may not.
constexpr ErrorKind kGuest{"agent.guest", Fault::user, Lasting::permanent};

class Inbox final : public pop3::Maildrop {
 public:
  Inbox(MaildropLocks::Lock lock, mailbox::AccountMailPtr mail, mailbox::MailboxInfo info, mailbox::ViewPtr view,
        const pop3::Login& login)
      : lock_(std::move(lock)),
        mail_(std::move(mail)),
        info_(std::move(info)),
        view_(std::move(view)),
        presentation_(login.presentation),
        standing_(login.identity.standing) {}

  [[nodiscard]] std::size_t count() const override { return view_->size(); }
  [[nodiscard]] std::uint64_t octets(std::size_t index) const override {
    const mailbox::Sizes sizes = view_->sizes_of(entry(index));
    return (presentation_ == pop3::Presentation::downgraded ? sizes.ascii : sizes.original) + line_end(index).size();
  }
  void append_unique_id(std::size_t index, std::string& to) const override {
    // RFC 1939 §7: never used again; a UID is so only together with UIDVALIDITY.
    to += std::to_string(info_.uid_validity) + "." + std::to_string(entry(index).uid);
  }

  io::ValueOrTask<Result<std::unique_ptr<pop3::MessageSource>>> read(std::size_t index,
                                                                     [[maybe_unused]] pop3::Purpose purpose) override {
    if (in_ascii(index)) return wait(index);
    auto email = mail_->email_now(entry(index).email);
    if (email) return source(index, *std::move(email), nullptr);
    if (email.error().is(mailbox::kWouldBlock)) return wait(index);
    return Result<std::unique_ptr<pop3::MessageSource>>(std::unexpected(std::move(email).error()));
  }

  io::Task<Result<>> remove(std::span<const std::size_t> indexes) override {
    if (standing_ == sasl::Standing::guest) co_return fail(kGuest, "guests remove nothing");
    mailbox::UidSet uids;
    for (const std::size_t index : indexes) uids.add(entry(index).uid);
    CO_TRY(co_await mail_->expunge(info_.id, std::move(uids), mailbox::ExpungeOnly::any));
    co_return Result<>();
  }

 private:
  [[nodiscard]] const mailbox::Entry& entry(std::size_t index) const {
    return view_->at(static_cast<std::uint32_t>(index + 1));
  }
  /// RFC 1939 §3: a response's lines end with CRLF; what the message lacks is counted too (§11).
  [[nodiscard]] std::string_view line_end(std::size_t index) const { return entry(index).open_end ? "\r\n" : ""; }
  /// RFC 6856 §2.1: a client without UTF8 gets headers without UTF-8.
  [[nodiscard]] bool in_ascii(std::size_t index) const {
    return presentation_ == pop3::Presentation::downgraded && entry(index).ascii_form != 0;
  }
  Result<std::unique_ptr<pop3::MessageSource>> source(std::size_t index, mailbox::EmailPtr email,
                                                      mailbox::AsciiFormPtr ascii) {
    return std::make_unique<Source>(mail_, std::move(email), std::move(ascii), line_end(index));
  }
  io::Task<Result<std::unique_ptr<pop3::MessageSource>>> wait(std::size_t index) {
    mailbox::EmailPtr email = CO_TRY(co_await mail_->email(entry(index).email));
    mailbox::AsciiFormPtr ascii;
    if (in_ascii(index)) ascii = CO_TRY(co_await mailbox::ascii_form(mail_, email));
    co_return source(index, std::move(email), std::move(ascii));
  }

  MaildropLocks::Lock lock_;
  mailbox::AccountMailPtr mail_;
  mailbox::MailboxInfo info_;
  mailbox::ViewPtr view_;
  pop3::Presentation presentation_;
  sasl::Standing standing_;
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

io::Task<Result<>> Pop3Authenticator::connected(const wire::Connection& connection) {
  credentials_.attach(connection);
  co_return Result<>();
}

io::Task<Result<std::unique_ptr<pop3::Maildrop>>> Pop3Authenticator::open(const pop3::Login& login) {
  if (login.identity.standing == sasl::Standing::guest) {
    // Guests change nothing, so that any number of them may read at a time.
    if (std::ranges::find(desk_.logins.guest_mailboxes, mailbox::kInbox) == desk_.logins.guest_mailboxes.end())
      co_return fail(sasl::kNotAuthorized, "guests do not read this");
    const account::Account guests = CO_TRY(co_await credentials_.guest_account());
    Logins::Stay stay = CO_TRY(credentials_.enter(guests));
    co_return co_await open_inbox(guests, {}, login, std::move(stay));
  }
  const account::Account account = CO_TRY(co_await credentials_.account(login.identity));
  Logins::Stay stay = CO_TRY(credentials_.enter(account));
  if (Caretaker* const caretaker = desk_.services.caretaker()) attendance_ = co_await caretaker->attend(account.id);
  MaildropLocks::Lock lock = desk_.locks.take(account.id);
  if (!lock) co_return fail(pop3::kInUse, "another session has this maildrop open");
  co_return co_await open_inbox(account, std::move(lock), login, std::move(stay));
}

io::Task<Result<std::unique_ptr<pop3::Maildrop>>> Pop3Authenticator::open_inbox(const account::Account& account,
                                                                                MaildropLocks::Lock lock,
                                                                                const pop3::Login& login,
                                                                                Logins::Stay stay) {
  mailbox::AccountMailPtr mail = CO_TRY(co_await desk_.services.mail().account(account.id));
  // Held over the wait: a CREATE by another session replaces the listing that the record lies in.
  const mailbox::ListingPtr listing = mail->listing();
  const mailbox::MailboxInfo* inbox = listing->find(mailbox::kInbox);
  auto view = inbox != nullptr ? co_await mail->view(inbox->id)
                               : Result<mailbox::ViewPtr>(fail(mailbox::kNoMailbox, "the account has no INBOX"));
  if (!view) co_return std::unexpected(std::move(view).error());
  log::info("pop3", "login",
            {{"user", account.address}, {"mechanism", login.mechanism}, {"messages", std::uint64_t{(*view)->size()}}});
  stay_ = std::move(stay);
  co_return std::make_unique<Inbox>(std::move(lock), std::move(mail), *inbox, *std::move(view), login);
}

void Pop3Authenticator::offence(pop3::Offence kind) {
  if (kind == pop3::Offence::failed_login) credentials_.refused();
}

}  // namespace angarium::agent
