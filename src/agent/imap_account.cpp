#include "agent/imap_account.h"

#include <algorithm>
#include <array>
#include <bit>

#include "agent/imap_mailbox.h"
#include "protocol/imap/error.h"

namespace angarium::agent {
namespace {

namespace imap = protocol::imap;
using mailbox::SpecialUse;

struct Use {
  SpecialUse use;
  std::uint32_t bit;
};
constexpr std::array<Use, 7> kUses = {{{SpecialUse::drafts, imap::kNameDrafts},
                                       {SpecialUse::sent, imap::kNameSent},
                                       {SpecialUse::junk, imap::kNameJunk},
                                       {SpecialUse::trash, imap::kNameTrash},
                                       {SpecialUse::archive, imap::kNameArchive},
                                       {SpecialUse::flagged, imap::kNameFlagged},
                                       {SpecialUse::all, imap::kNameAll}}};

Result<void> told(Result<> result) {
  if (!result) return std::unexpected(imap_error(std::move(result).error()));
  return {};
}

/// One APPEND, with one message or several: all become visible by one batch.
class Appending final : public imap::Append {
 public:
  /// A message that goes with the commit.
  struct Other {
    mailbox::MailboxId mailbox = 0;
    mailbox::Uid uid = 0;
  };
  Appending(Services& services, Budget& budget, mailbox::AccountMailPtr mail, mailbox::MailboxId mailbox,
            std::optional<Other> replaced = std::nullopt)
      : services_(services), budget_(budget), mail_(std::move(mail)), mailbox_(mailbox), replaced_(replaced) {}

  io::Task<Result<void>> begin(imap::AppendMessage message) override {
    CO_TRY(co_await finish_message());
    if (!services_.tablet().accepting()) co_return fail(imap::kBusy, "There is no room for mail at this moment");
    // What replaces another is judged with it, by the commit.
    const std::uint64_t announced = message.size.value_or(0);
    if (!replaced_) CO_TRY(told(mail_->may_accept(octets_ + announced, items_.size() + 1)));
    const mailbox::FlagNames flags{.system = message.flags.system, .keywords = message.flags.keywords};
    if (auto permitted = mail_->may_flag(mailbox_, flags); !permitted)
      co_return std::unexpected(imap_error(std::move(permitted).error()));
    octets_ += announced;
    constexpr std::uint64_t kMost = mailbox::Intake::kIntakeBufferMax;
    hold_ = budget_.take(std::to_string(mail_->id()),
                         message.size ? std::min<std::uint64_t>(announced + 4096, kMost) : kMost);
    if (!hold_) co_return fail(imap::kBusy, "Too busy, try again later");
    message_ = std::move(message);
    intake_ = services_.mail().intake(message_.form == imap::AppendMessage::Form::plain ? mailbox::Arrival::ordinary
                                                                                        : mailbox::Arrival::binary);
    co_return Result<void>();
  }

  io::ValueOrTask<Result<void>> write(std::string_view octets) override {
    if (auto taken = intake_->append(octets); !taken)
      return Result<void>(std::unexpected(imap_error(std::move(taken).error())));
    if (intake_->full()) return intake_->drain();
    return Result<void>();
  }

  io::Task<Result<imap::AppendOutcome>> commit() override {
    CO_TRY(co_await finish_message());
    auto appended =
        replaced_ ? co_await mail_->replace(replaced_->mailbox, replaced_->uid, mailbox_, std::move(items_.front()))
                  : co_await mail_->append(mailbox_, std::move(items_));
    if (!appended) co_return std::unexpected(imap_error(std::move(appended).error()));
    imap::AppendOutcome outcome{.uid_validity = appended->uid_validity, .uids = imap_set(appended->uids)};
    co_return outcome;
  }

 private:
  io::Task<Result<void>> finish_message() {
    if (!intake_) co_return Result<void>();
    auto content = co_await intake_->finish();
    intake_.reset();
    hold_ = Budget::Hold();
    if (!content) co_return std::unexpected(imap_error(std::move(content).error()));
    items_.push_back({.content = *std::move(content),
                      .flags = {.system = message_.flags.system, .keywords = std::move(message_.flags.keywords)},
                      .received = std::nullopt});
    if (const auto& date = message_.internal_date) {
      items_.back().received = WallTime::from_seconds(date->seconds);
      items_.back().zone_minutes = date->zone_minutes;
    }
    co_return Result<void>();
  }

  Services& services_;
  Budget& budget_;
  mailbox::AccountMailPtr mail_;
  mailbox::MailboxId mailbox_;
  std::optional<Other> replaced_;
  imap::AppendMessage message_;
  std::unique_ptr<mailbox::Intake> intake_;
  Budget::Hold hold_;
  std::vector<mailbox::AppendItem> items_;
  std::uint64_t octets_ = 0;
};

}  // namespace

Error imap_error(Error error) {
  struct Pair {
    const ErrorKind* from;
    const ErrorKind* to;
  };
  static constexpr std::array<Pair, 13> kPairs = {{{&mailbox::kNoMailbox, &imap::kNonExistent},
                                                   {&mailbox::kNotSelectable, &imap::kNonExistent},
                                                   {&mailbox::kMailboxExists, &imap::kAlreadyExists},
                                                   {&mailbox::kUseTaken, &imap::kUseAttr},
                                                   {&mailbox::kBadName, &imap::kCannot},
                                                   {&mailbox::kHasChildren, &imap::kHasChildren},
                                                   {&mailbox::kTooMany, &imap::kLimit},
                                                   {&mailbox::kOverQuota, &imap::kOverQuota},
                                                   {&mailbox::kExpunged, &imap::kExpungeIssued},
                                                   {&store::kTooLarge, &imap::kTooBig},
                                                   {&store::kStoreFull, &imap::kUnavailable},
                                                   {&store::kDamaged, &imap::kCorruption},
                                                   {&mailbox::kDamaged, &imap::kCorruption}}};
  for (const Pair& pair : kPairs)
    if (error.is(*pair.from)) return {*pair.to, error.text()};
  return error;
}

/// After the store was opened again the account is another object.
io::ValueOrTask<Result<void>> ImapAccount::renew() {
  if (!mail_->stale()) return Result<void>();
  return load();
}

io::Task<Result<void>> ImapAccount::load() {
  auto mail = co_await services_.mail().account(mail_->id());
  if (!mail) co_return std::unexpected(imap_error(std::move(mail).error()));
  mail_ = *std::move(mail);
  co_return Result<void>();
}

io::Task<Result<std::vector<imap::NameRow>>> ImapAccount::list() {
  CO_TRY(co_await renew());
  const mailbox::ListingPtr listing = mail_->listing();
  std::vector<imap::NameRow> rows;
  rows.reserve(listing->mailboxes.size());
  for (const mailbox::MailboxInfo& info : listing->mailboxes) {
    std::uint32_t attributes = 0;
    if (!info.selectable) attributes |= imap::kNameNoSelect;
    if (listing->subscribed(info.name)) attributes |= imap::kNameSubscribed;
    for (const Use& use : kUses)
      if (info.use == use.use) attributes |= use.bit;
    rows.push_back({info.name, attributes});
  }
  // What is subscribed to but does not exist any more is still listed among the subscriptions (RFC 9051 §6.3.9.2).
  for (const std::string& name : listing->subscriptions)
    if (listing->find(name) == nullptr) rows.push_back({name, imap::kNameNonExistent | imap::kNameSubscribed});
  co_return rows;
}

imap::Namespaces ImapAccount::namespaces() const { return {.personal = {{""}}, .others = {}, .shared = {}}; }

io::Task<Result<std::string>> ImapAccount::create(std::string name, std::uint32_t special_use) {
  // RFC 6154 §3: what can't be made as asked for is not made.
  if (std::popcount(special_use) > 1) co_return fail(imap::kUseAttr, "A mailbox has one special use at most");
  CO_TRY(co_await renew());
  SpecialUse wanted = SpecialUse::none;
  for (const Use& use : kUses)
    if ((special_use & use.bit) != 0) wanted = use.use;
  auto made = co_await mail_->create(std::move(name), wanted);
  if (!made) co_return std::unexpected(imap_error(std::move(made).error()));
  co_return mailbox::mailbox_id_text(made->id);
}

io::Task<Result<void>> ImapAccount::remove(std::string name) {
  CO_TRY(co_await renew());
  co_return told(co_await mail_->remove(std::move(name)));
}

io::Task<Result<void>> ImapAccount::rename(std::string from, std::string to) {
  CO_TRY(co_await renew());
  co_return told(co_await mail_->rename(std::move(from), std::move(to)));
}

io::Task<Result<void>> ImapAccount::subscribe(std::string name, imap::Subscription subscription) {
  CO_TRY(co_await renew());
  const auto wanted = subscription == imap::Subscription::subscribe ? mailbox::AccountMail::Subscription::on
                                                                    : mailbox::AccountMail::Subscription::off;
  co_return told(co_await mail_->subscribe(std::move(name), wanted));
}

io::Task<Result<imap::StatusValues>> ImapAccount::status(std::string name) {
  CO_TRY(co_await renew());
  const mailbox::ListingPtr listing = mail_->listing();
  const mailbox::MailboxInfo* info = listing->find(name);
  if (info == nullptr || !info->selectable) co_return fail(imap::kNonExistent, "There is no such mailbox");
  auto status = mail_->status(info->id);
  if (!status) co_return std::unexpected(imap_error(std::move(status).error()));
  imap::StatusValues values;
  values.messages = status->messages;
  values.unseen = status->unseen;
  values.deleted = status->deleted;
  values.recent = status->recent;
  values.octets = status->octets;
  values.uid_next = status->uid_next;
  values.uid_validity = status->uid_validity;
  values.highest_modseq = status->highest_modseq;
  values.id = mailbox::mailbox_id_text(info->id);
  values.append_limit = append_limit_;
  co_return values;
}

io::Task<Result<std::shared_ptr<imap::Mailbox>>> ImapAccount::select(std::string name, imap::Access access) {
  CO_TRY(co_await renew());
  const mailbox::ListingPtr listing = mail_->listing();
  const mailbox::MailboxInfo* info = listing->find(name);
  if (info == nullptr) co_return fail(imap::kNonExistent, "There is no such mailbox");
  auto view = mail_->view_now(info->id);
  if (!view) {
    auto loaded = co_await mail_->view(info->id);
    if (!loaded) co_return std::unexpected(imap_error(std::move(loaded).error()));
    view = *std::move(loaded);
  }
  co_return std::make_shared<ImapMailbox>(services_.pool(), services_.mail(), mail_, *info, std::move(view), access);
}

io::Task<Result<std::unique_ptr<imap::Append>>> ImapAccount::append(std::string name) {
  CO_TRY(co_await renew());
  const mailbox::ListingPtr listing = mail_->listing();
  const mailbox::MailboxInfo* info = listing->find(name);
  if (info == nullptr || !info->selectable) co_return fail(imap::kTryCreate, "There is no such mailbox");
  co_return std::make_unique<Appending>(services_, budget_, mail_, info->id);
}

io::Task<Result<std::unique_ptr<imap::Append>>> ImapAccount::replace(std::string name, imap::Replaced replaced) {
  CO_TRY(co_await renew());
  const mailbox::ListingPtr listing = mail_->listing();
  const mailbox::MailboxInfo* info = listing->find(name);
  if (info == nullptr || !info->selectable) co_return fail(imap::kTryCreate, "There is no such mailbox");
  const auto source = std::ranges::find_if(listing->mailboxes, [&](const mailbox::MailboxInfo& other) {
    return mailbox::mailbox_id_text(other.id) == replaced.mailbox;
  });
  if (source == listing->mailboxes.end()) co_return fail(imap::kExpungeIssued, "The message is not there any more");
  co_return std::make_unique<Appending>(services_, budget_, mail_, info->id,
                                        Appending::Other{.mailbox = source->id, .uid = replaced.uid});
}

}  // namespace angarium::agent
