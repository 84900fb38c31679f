// From the records to memory.
#include <algorithm>

#include "mailbox/account.h"
#include "mailbox/body_reader.h"
#include "store/keys.h"

namespace angarium::mailbox {

namespace {

/// Visits all records of a kind of an account. Waits.
Result<> scan_all(store::Tablet& tablet, const Key& prefix,
                  const std::function<Result<>(std::string_view, std::string_view)>& each,
                  const store::Reading& reading = {}) {
  Result<> outcome;
  TRY(tablet.scan(
      prefix, store::after_prefix(prefix), {},
      [&](std::string_view key, std::string_view value) {
        outcome = each(key, value);
        return outcome ? store::Step::next : store::Step::stop;
      },
      reading));
  return outcome;
}

MailboxId mailbox_in(std::string_view key) { return static_cast<MailboxId>(key_number(key, kAfterAccount, 4)); }

}  // namespace

Result<> Account::read_mailboxes() {
  TRY(scan_all(around_.tablet, Key(RecordKind::mailbox, id_),
               [&](std::string_view key, std::string_view value) -> Result<> {
                 const MailboxRecord record = TRY(MailboxRecord::decode(value));
                 auto mailbox = std::make_unique<Mailbox>();
                 mailbox->info = {.id = mailbox_in(key),
                                  .name = record.name,
                                  .uid_validity = record.uid_validity,
                                  .use = record.use,
                                  .selectable = record.selectable};
                 mailbox->head_name = record.name;
                 mailbox->head_selectable = record.selectable;
                 head_names_.emplace(record.name, mailbox.get());
                 mailboxes_.emplace(mailbox->info.id, std::move(mailbox));
                 return {};
               }));
  TRY(scan_all(around_.tablet, Key(RecordKind::access, id_),
               [&](std::string_view key, std::string_view value) -> Result<> {
                 const auto at = mailboxes_.find(mailbox_in(key));
                 if (at == mailboxes_.end()) return fail(kDamaged, "an access control list belongs to no mailbox");
                 at->second->info.access = std::make_shared<const AccessList>(TRY(decode_access(value)));
                 at->second->head_access = at->second->info.access;
                 return {};
               }));
  return scan_all(around_.tablet, Key(RecordKind::keyword, id_),
                  [&](std::string_view key, std::string_view value) -> Result<> {
                    const auto at = mailboxes_.find(mailbox_in(key));
                    const std::uint64_t index = key_number(key, kAfterMailbox, 2);
                    if (at == mailboxes_.end() || index >= kKeywordsMax)
                      return fail(kDamaged, "a keyword belongs to no mailbox");
                    // A name at a second place is what is left of a keyword that nobody used any more: the place was
                    // free, and the name came back to a lower one.
                    if (at->second->keywords->find(value)) return {};
                    auto table = std::make_shared<KeywordTable>(*at->second->keywords);
                    table->set(static_cast<std::uint16_t>(index), value);
                    at->second->keywords = std::move(table);
                    return {};
                  });
}

Result<> Account::read_counters() {
  return scan_all(around_.tablet, Key(RecordKind::counters, id_),
                  [&](std::string_view key, std::string_view value) -> Result<> {
                    const auto at = mailboxes_.find(mailbox_in(key));
                    if (at == mailboxes_.end()) return fail(kDamaged, "counters belong to no mailbox");
                    Mailbox& mailbox = *at->second;
                    mailbox.shown = TRY(MailboxCounters::decode(value));
                    mailbox.head_uid_next = mailbox.shown.uid_next;
                    mailbox.recent_from = mailbox.shown.uid_next;
                    used_ += mailbox.shown.tally;
                    head_.modseq = std::max(head_.modseq, mailbox.shown.modseq);
                    head_.email_next = std::max(head_.email_next, mailbox.shown.email_next);
                    return {};
                  });
}

Result<> Account::read_others() {
  store::Tablet& tablet = around_.tablet;
  if (const auto limits = TRY(tablet.get(quota_key(id_)))) limits_ = TRY(decode_limits(*limits));
  TRY(scan_all(tablet, Key(RecordKind::share, id_), [&](std::string_view key, std::string_view value) -> Result<> {
    shares_[key_number(key, kAfterAccount, 8)] = static_cast<std::uint32_t>(TRY(decode_number(value)));
    return {};
  }));
  TRY(scan_all(tablet, Key(RecordKind::metadata, id_), [&](std::string_view key, std::string_view value) -> Result<> {
    const MailboxId mailbox = mailbox_in(key);
    if (key.size() <= kAfterMetadataOwner || (mailbox != 0 && !mailboxes_.contains(mailbox)))
      return fail(kDamaged, "an annotation belongs to no mailbox");
    metadata_.emplace(
        MetadataPlace{mailbox, key_number(key, kAfterMailbox, 8), std::string(key.substr(kAfterMetadataOwner))},
        std::make_shared<const std::string>(value));
    return {};
  }));
  return scan_all(tablet, Key(RecordKind::subscription, id_), [&](std::string_view key, std::string_view) -> Result<> {
    subscriptions_.emplace(key.substr(kAfterAccount));
    return {};
  });
}

Result<std::shared_ptr<Account>> Account::load(AccountId id, const Surroundings& around) {
  const auto record = TRY(around.tablet.get(account_key(id)));
  if (!record) return fail(kNoMailbox, "there is no such account");
  auto account = std::make_shared<Account>(id, around);
  account->head_ = TRY(AccountCounters::decode(*record));
  TRY(account->read_mailboxes());
  TRY(account->read_counters());
  TRY(account->read_others());
  account->head_subscriptions_ = account->subscriptions_;
  account->head_metadata_ = account->metadata_;
  account->shown_modseq_ = account->head_.modseq;
  account->publish_listing();
  return account;
}

Result<Draft> Account::read_blocks(store::Tablet& tablet, AccountId account, MailboxId mailbox,
                                   const store::Reading& reading) {
  Draft draft;
  auto prefix = Key(RecordKind::block, account).u32(mailbox);
  auto done = scan_all(
      tablet, prefix,
      [&](std::string_view key, std::string_view value) -> Result<> {
        draft.append(TRY(Block::decode(static_cast<std::uint32_t>(key_number(key, kAfterMailbox, 4)), value)));
        return {};
      },
      reading);
  if (!done) return std::unexpected(as_ours(std::move(done).error()));
  return draft;
}

/// Somebody reads a mailbox's blocks: what becomes durable meanwhile is kept for it, and others wait for its end.
class Account::LoadGuard {
 public:
  /// The mutex is held.
  LoadGuard(std::shared_ptr<Account> account, Mailbox& mailbox) : account_(std::move(account)), id_(mailbox.info.id) {
    mailbox.loading = true;
  }
  LoadGuard(const LoadGuard&) = delete;
  LoadGuard& operator=(const LoadGuard&) = delete;
  /// The mutex is not held. Whoever reads and is ended amid that leaves those who wait to do it themselves.
  ~LoadGuard() { end(fail(kCancelled, "who read the mailbox has ended")); }
  void end(const Result<>& outcome) {
    std::vector<Done<>> waiting;
    {
      const std::lock_guard lock(account_->mutex_);
      const auto at = account_->mailboxes_.find(id_);
      if (ended_ || at == account_->mailboxes_.end()) return;
      ended_ = true;
      at->second->loading = false;
      at->second->backlog.clear();
      waiting = std::exchange(at->second->awaiting_load, {});
    }
    for (Done<>& one : waiting) one(outcome);
  }
  /// The mutex is not held.
  void install(Draft draft) {
    const std::lock_guard lock(account_->mutex_);
    const auto at = account_->mailboxes_.find(id_);
    if (at == account_->mailboxes_.end() || at->second->loaded) return;
    Mailbox& mailbox = *at->second;
    for (const auto& delta : mailbox.backlog) draft.apply(*delta);
    mailbox.draft = std::move(draft);
    mailbox.loaded = true;
    account_->free_keywords(mailbox);
    mailbox.used = account_->around_.clock.now();
    ++mailbox.version;
  }

 private:
  std::shared_ptr<Account> account_;
  MailboxId id_;
  bool ended_ = false;
};

io::Task<Result<Draft>> Account::read_mailbox(MailboxId id, Result<store::ReadView> view, bool small) {
  if (small && view) {
    auto draft = read_blocks(around_.tablet, id_, id, {.view = &*view, .tier = store::Tier::memory});
    if (draft || !draft.error().is(kWouldBlock)) co_return draft;
  }
  co_return co_await io::run(around_.pool, [&tablet = around_.tablet, account = id_, id, view] -> Result<Draft> {
    const store::ReadView now = view ? *view : TRY(tablet.view());
    return read_blocks(tablet, account, id, {.view = &now});
  });
}

io::Task<Result<>> Account::loaded(MailboxId id) {
  auto self = shared_from_this();
  while (true) {
    std::optional<LoadGuard> guard;
    std::optional<io::CrossThread<>> other;
    Result<store::ReadView> view;
    bool small = false;
    {
      const std::lock_guard lock(mutex_);
      Mailbox* const mailbox = CO_TRY(find(id));
      if (!mailbox->info.selectable) co_return fail(kNotSelectable, "the mailbox holds no messages");
      if (mailbox->loaded) co_return Result<>();
      // Another account object may have changed the store since: what is read would be newer than the counters here.
      CO_TRY(usable());
      if (mailbox->loading) {
        mailbox->awaiting_load.emplace_back(other.emplace().completion());
      } else {
        // What is durable but not yet in the view is among the pending parts, and so comes to the backlog. Only
        // messages are added to a mailbox that is not loaded, and one that is in both is added once.
        guard.emplace(self, *mailbox);
        view = around_.tablet.view(store::Tier::memory);
        small = mailbox->shown.tally.messages <= kLoadOnLoopMax;
      }
    }
    if (guard) {
      auto draft = co_await read_mailbox(id, std::move(view), small);
      if (draft) guard->install(*std::move(draft));
      const Result<> outcome = draft ? Result<>() : std::unexpected(std::move(draft).error());
      guard->end(outcome);
      co_return outcome;
    }
    const Result<> outcome = co_await *other;
    if (!outcome && !outcome.error().is(kCancelled)) co_return outcome;
  }
}
io::Task<Result<ViewPtr>> Account::view(MailboxId id) {
  CO_TRY(co_await loaded(id));
  const std::lock_guard lock(mutex_);
  Mailbox* const mailbox = CO_TRY(find(id));
  if (!mailbox->loaded) co_return fail(kNoMailbox, "the mailbox is gone");
  co_return publish(*mailbox);
}

}  // namespace angarium::mailbox
