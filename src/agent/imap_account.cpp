#include "agent/imap_account.h"

#include <algorithm>
#include <array>
#include <atomic>
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
  static constexpr std::array<Pair, 17> kPairs = {{{&mailbox::kNoMailbox, &imap::kNonExistent},
                                                   {&mailbox::kNotSelectable, &imap::kNonExistent},
                                                   {&mailbox::kMailboxExists, &imap::kAlreadyExists},
                                                   {&mailbox::kUseTaken, &imap::kUseAttr},
                                                   {&mailbox::kBadName, &imap::kCannot},
                                                   {&mailbox::kHasChildren, &imap::kHasChildren},
                                                   {&mailbox::kTooMany, &imap::kLimit},
                                                   {&mailbox::kMetadataTooLong, &imap::kMetadataTooLong},
                                                   {&mailbox::kMetadataTooMany, &imap::kMetadataTooMany},
                                                   {&mailbox::kOverQuota, &imap::kOverQuota},
                                                   {&mailbox::kExpunged, &imap::kExpungeIssued},
                                                   {&store::kTooLarge, &imap::kTooBig},
                                                   {&store::kStoreFull, &imap::kUnavailable},
                                                   {&keyring::kNoServerKey, &imap::kUnavailable},
                                                   {&keyring::kNoKey, &imap::kUnavailable},
                                                   {&store::kDamaged, &imap::kCorruption},
                                                   {&mailbox::kDamaged, &imap::kCorruption}}};
  for (const Pair& pair : kPairs)
    if (error.is(*pair.from)) return {*pair.to, error.text()};
  return error;
}

/// What a session watches, for as long as it wants to be told.
struct ImapAccount::Watched {
  void begin(mailbox::AccountMail& mail) {
    watch = mail.watch(0, [told = &event] { told->set_from_any_thread(); });
  }

  io::Event& event;
  std::unique_ptr<mailbox::Watch> watch;
};

/// After the store was opened again the account is another object.
io::ValueOrTask<Result<void>> ImapAccount::renew() {
  if (!mail_->stale()) return Result<void>();
  return load();
}

io::Task<Result<void>> ImapAccount::load() {
  auto mail = co_await services_.mail().account(mail_->id());
  if (!mail) co_return std::unexpected(imap_error(std::move(mail).error()));
  mail_ = *std::move(mail);
  for (const auto& each : watched_)
    if (const auto watched = each.lock()) watched->begin(*mail_);
  co_return Result<void>();
}

io::Task<Result<mailbox::AccountMailPtr>> ImapAccount::mail() {
  CO_TRY(co_await renew());
  co_return mail_;
}

bool ImapAccount::visible(std::string_view name) const {
  return !guest_ || std::ranges::find(guest_->mailboxes, name) != guest_->mailboxes.end();
}

Result<void> ImapAccount::may_change() const {
  if (guest_) return fail(imap::kNoPermission, "Guests change nothing");
  return {};
}

std::unique_ptr<imap::AccountWatcher> ImapAccount::watch(io::Event& event) {
  class Watching final : public imap::AccountWatcher {
   public:
    explicit Watching(std::shared_ptr<Watched> watched) : watched_(std::move(watched)) {}
    bool take() override { return watched_->watch->take(); }

   private:
    std::shared_ptr<Watched> watched_;
  };
  const auto watched = std::make_shared<Watched>(event, nullptr);
  watched->begin(*mail_);
  std::erase_if(watched_, [](const auto& each) { return each.expired(); });
  watched_.push_back(watched);
  return std::make_unique<Watching>(watched);
}

std::uint64_t ImapAccount::next_session() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

io::Task<Result<std::vector<imap::NameRow>>> ImapAccount::list() {
  CO_TRY(co_await renew());
  const mailbox::ListingPtr listing = mail_->listing();
  std::vector<imap::NameRow> rows;
  rows.reserve(listing->mailboxes.size());
  for (const mailbox::MailboxInfo& info : listing->mailboxes) {
    if (!visible(info.name)) continue;
    std::uint32_t attributes = 0;
    if (!info.selectable) attributes |= imap::kNameNoSelect;
    if (listing->subscribed(info.name)) attributes |= imap::kNameSubscribed;
    for (const Use& use : kUses)
      if (info.use == use.use) attributes |= use.bit;
    rows.push_back({info.name, attributes, mailbox::mailbox_id_text(info.id), rights_in(info)});
  }
  // What is subscribed to but does not exist any more is still listed among the subscriptions (RFC 9051 §6.3.9.2).
  for (const std::string& name : listing->subscriptions)
    if (visible(name) && listing->find(name) == nullptr)
      rows.push_back({name, imap::kNameNonExistent | imap::kNameSubscribed, {}});
  co_return rows;
}

imap::Namespaces ImapAccount::namespaces() const { return {.personal = {{""}}, .others = {}, .shared = {}}; }

io::Task<Result<std::string>> ImapAccount::create(std::string name, std::uint32_t special_use) {
  CO_TRY(may_change());
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
  CO_TRY(may_change());
  CO_TRY(co_await renew());
  co_return told(co_await mail_->remove(std::move(name)));
}

io::Task<Result<void>> ImapAccount::rename(std::string from, std::string to) {
  CO_TRY(may_change());
  CO_TRY(co_await renew());
  co_return told(co_await mail_->rename(std::move(from), std::move(to)));
}

io::Task<Result<void>> ImapAccount::subscribe(std::string name, imap::Subscription subscription) {
  CO_TRY(may_change());
  CO_TRY(co_await renew());
  const auto wanted = subscription == imap::Subscription::subscribe ? mailbox::AccountMail::Subscription::on
                                                                    : mailbox::AccountMail::Subscription::off;
  co_return told(co_await mail_->subscribe(std::move(name), wanted));
}

io::Task<Result<imap::StatusValues>> ImapAccount::status(std::string name) {
  CO_TRY(co_await renew());
  const mailbox::ListingPtr listing = mail_->listing();
  const mailbox::MailboxInfo* info = listing->find(name);
  if (info == nullptr || !info->selectable || !visible(name))
    co_return fail(imap::kNonExistent, "There is no such mailbox");
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

io::Task<Result<std::uint64_t>> ImapAccount::deleted_octets(std::string name) {
  CO_TRY(co_await renew());
  const mailbox::ListingPtr listing = mail_->listing();
  const mailbox::MailboxInfo* info = listing->find(name);
  if (info == nullptr || !info->selectable || !visible(name))
    co_return fail(imap::kNonExistent, "There is no such mailbox");
  auto view = co_await mail_->view(info->id);
  if (!view) co_return std::unexpected(imap_error(std::move(view).error()));
  std::uint64_t octets = 0;
  (*view)->for_each(1, (*view)->size(), [&](std::uint32_t, const mailbox::Entry& entry) {
    if (entry.has(mailbox::kDeleted)) octets += entry.size;
  });
  co_return octets;
}

namespace {

/// The account's quota as a root.
imap::QuotaRoot quota_root(std::string name, const mailbox::Quota& quota) {
  imap::QuotaRoot root{.name = std::move(name), .resources = {}};
  using Kind = imap::QuotaResource::Kind;
  if (quota.limits.octets != 0) root.resources.push_back({Kind::storage, quota.octets, quota.limits.octets});
  if (quota.limits.messages != 0) root.resources.push_back({Kind::message, quota.messages, quota.limits.messages});
  return root;
}

}  // namespace

io::Task<Result<std::vector<imap::QuotaRoot>>> ImapAccount::quota_roots(std::string) {
  CO_TRY(co_await renew());
  // How full an account is concerns its owner.
  if (guest_) co_return std::vector<imap::QuotaRoot>();
  co_return std::vector{quota_root("", mail_->quota())};
}

io::Task<Result<imap::QuotaRoot>> ImapAccount::quota(std::string root) {
  CO_TRY(co_await renew());
  if (guest_ || !root.empty()) co_return fail(imap::kNonExistent, "There is no such quota root");
  co_return quota_root("", mail_->quota());
}

io::Task<Result<std::shared_ptr<imap::Mailbox>>> ImapAccount::select(std::string name, imap::Access access) {
  CO_TRY(co_await renew());
  const mailbox::ListingPtr listing = mail_->listing();
  const mailbox::MailboxInfo* info = listing->find(name);
  if (info == nullptr || !visible(name)) co_return fail(imap::kNonExistent, "There is no such mailbox");
  if (guest_) access = imap::Access::read_only;
  auto view = mail_->view_now(info->id);
  if (!view) {
    auto loaded = co_await mail_->view(info->id);
    if (!loaded) co_return std::unexpected(imap_error(std::move(loaded).error()));
    view = *std::move(loaded);
  }
  co_return std::make_shared<ImapMailbox>(services_.searching(), services_.tablet(), services_.mail(), mail_, *info,
                                          std::move(view), access,
                                          guest_ ? ImapMailbox::Copies::refused : ImapMailbox::Copies::allowed,
                                          reader_ ? reader_->identifiers : std::vector<std::string>());
}

io::Task<Result<std::unique_ptr<imap::Append>>> ImapAccount::append(std::string name) {
  CO_TRY(may_change());
  CO_TRY(co_await renew());
  const mailbox::ListingPtr listing = mail_->listing();
  const mailbox::MailboxInfo* info = listing->find(name);
  if (info == nullptr || !info->selectable) co_return fail(imap::kTryCreate, "There is no such mailbox");
  co_return std::make_unique<Appending>(services_, budget_, mail_, info->id);
}

io::Task<Result<std::unique_ptr<imap::Append>>> ImapAccount::replace(std::string name, imap::Replaced replaced) {
  CO_TRY(may_change());
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
