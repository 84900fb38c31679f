#include "agent/maildrop.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "message/downgrade.h"
#include "message/structure.h"

namespace angarium::agent {
namespace {

namespace pop3 = protocol::pop3;

/// Octets of a message read at a time: what is in flight for one slow reader.
constexpr std::size_t kPieceOctets = 256 * 1024;

/// A header in whose place another is shown.
struct Surrogate {
  std::uint64_t begin;
  std::uint64_t end;
  std::string header;
};

class Source final : public pop3::MessageSource {
 public:
  Source(mailbox::AccountMailPtr mail, mailbox::EmailPtr email, std::string_view line_end,
         std::vector<Surrogate> surrogates = {})
      : mail_(std::move(mail)),
        email_(std::move(email)),
        line_end_(line_end),
        surrogates_(std::move(surrogates)),
        next_surrogate_(surrogates_.begin()) {}

  io::ValueOrTask<Result<pop3::Piece>> next() override {
    if (offset_ >= (*email_)->size) return Result<pop3::Piece>(pop3::Piece{std::exchange(line_end_, {}), nullptr});
    if (next_surrogate_ != surrogates_.end() && next_surrogate_->begin == offset_) {
      offset_ = next_surrogate_->end;
      return Result<pop3::Piece>(pop3::Piece{(next_surrogate_++)->header, nullptr});
    }
    auto octets = mail_->read_now(*email_, offset_, up_to());
    if (octets) return piece(*std::move(octets));
    if (octets.error().is(mailbox::kWouldBlock)) return wait();
    return Result<pop3::Piece>(std::unexpected(std::move(octets).error()));
  }

  [[nodiscard]] std::optional<std::uint64_t> octets() const override {
    if (surrogates_.empty()) return std::nullopt;
    std::uint64_t octets = (*email_)->size + line_end_.size();
    for (const Surrogate& each : surrogates_) octets += each.header.size() - (each.end - each.begin);
    return octets;
  }

 private:
  [[nodiscard]] std::size_t up_to() const {
    if (next_surrogate_ == surrogates_.end()) return kPieceOctets;
    return static_cast<std::size_t>(std::min<std::uint64_t>(kPieceOctets, next_surrogate_->begin - offset_));
  }
  Result<pop3::Piece> piece(std::string octets) {
    if (octets.empty()) return fail(mailbox::kDamaged, "an email is shorter than its record says");
    offset_ += octets.size();
    auto owner = std::make_shared<const std::string>(std::move(octets));
    const std::string_view view = *owner;
    return pop3::Piece{view, std::move(owner)};
  }
  io::Task<Result<pop3::Piece>> wait() { co_return piece(CO_TRY(co_await mail_->read(email_, offset_, up_to()))); }

  mailbox::AccountMailPtr mail_;
  mailbox::EmailPtr email_;
  std::uint64_t offset_ = 0;
  std::string_view line_end_;
  std::vector<Surrogate> surrogates_;  // in their order
  std::vector<Surrogate>::const_iterator next_surrogate_;
};

class Inbox final : public pop3::Maildrop {
 public:
  Inbox(MaildropLocks::Lock lock, mailbox::AccountMailPtr mail, mailbox::MailboxInfo info, mailbox::ViewPtr view,
        pop3::Presentation presentation)
      : lock_(std::move(lock)),
        mail_(std::move(mail)),
        info_(std::move(info)),
        view_(std::move(view)),
        presentation_(presentation) {}

  [[nodiscard]] std::size_t count() const override { return view_->size(); }
  [[nodiscard]] std::uint64_t octets(std::size_t index) const override {
    return entry(index).size + line_end(index).size();
  }
  void append_unique_id(std::size_t index, std::string& to) const override {
    // RFC 1939 §7: never used again; a UID is so only together with UIDVALIDITY.
    to += std::to_string(info_.uid_validity) + "." + std::to_string(entry(index).uid);
  }

  io::ValueOrTask<Result<std::unique_ptr<pop3::MessageSource>>> read(std::size_t index,
                                                                     [[maybe_unused]] pop3::Purpose purpose) override {
    auto email = mail_->email_now(entry(index).email);
    if (email && may_need_utf8(**email)) return surrogate(index, *std::move(email));
    if (email) return source(index, *std::move(email));
    if (email.error().is(mailbox::kWouldBlock)) return wait(index);
    return Result<std::unique_ptr<pop3::MessageSource>>(std::unexpected(std::move(email).error()));
  }

  io::Task<Result<>> remove(std::span<const std::size_t> indexes) override {
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
  Result<std::unique_ptr<pop3::MessageSource>> source(std::size_t index, mailbox::EmailPtr email) {
    return std::make_unique<Source>(mail_, std::move(email), line_end(index));
  }
  io::Task<Result<std::unique_ptr<pop3::MessageSource>>> wait(std::size_t index) {
    mailbox::EmailPtr email = CO_TRY(co_await mail_->email(entry(index).email));
    if (may_need_utf8(*email)) co_return co_await surrogate(index, std::move(email));
    co_return source(index, std::move(email));
  }

  /// Whether a header has octets above 127.
  [[nodiscard]] bool may_need_utf8(const mailbox::Email& email) const {
    if (presentation_ == pop3::Presentation::utf8) return false;
    if (!all_ascii(email->prepended)) return true;
    const auto structure = message::deserialize(email->structure);
    return structure && std::ranges::any_of(structure->parts, &message::Part::eight_bit_header);
  }
  /// RFC 6856 §2.1: a client without UTF8 gets headers without UTF-8 in a surrogate. Headers in some other charset,
  /// which no standard knows, are sent as they are.
  io::Task<Result<std::unique_ptr<pop3::MessageSource>>> surrogate(std::size_t index, mailbox::EmailPtr email) {
    std::vector<Surrogate> surrogates;
    const std::string_view prepended = (*email)->prepended;
    if (!all_ascii(prepended)) surrogates.push_back({0, prepended.size(), message::ascii_header(prepended)});
    const auto structure = message::deserialize((*email)->structure);
    for (std::size_t i = 0; structure && i < structure->parts.size(); ++i) {
      const message::Part& part = structure->parts[i];
      if (!part.eight_bit_header) continue;
      const std::uint64_t begin = prepended.size() + part.header_begin;
      const auto size = static_cast<std::size_t>(part.header().size);
      const std::string header = CO_TRY(co_await mail_->read(email, begin, size));
      if (valid_utf8(header)) surrogates.push_back({begin, begin + size, message::ascii_header(header)});
    }
    co_return std::make_unique<Source>(mail_, std::move(email), line_end(index), std::move(surrogates));
  }

  MaildropLocks::Lock lock_;
  mailbox::AccountMailPtr mail_;
  mailbox::MailboxInfo info_;
  mailbox::ViewPtr view_;
  pop3::Presentation presentation_;
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
  co_return std::make_unique<Inbox>(std::move(lock), std::move(mail), *inbox, *std::move(view), login.presentation);
}

void Pop3Authenticator::offence(pop3::Offence kind) {
  if (kind == pop3::Offence::failed_login) credentials_.refused();
}

}  // namespace angarium::agent
