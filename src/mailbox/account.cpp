#include "mailbox/account.h"

#include <algorithm>
#include <atomic>
#include <cassert>

namespace angarium::mailbox {

/// Keeps its account loaded.
class WatchBody final : public Watch {
 public:
  WatchBody(std::shared_ptr<Account> account, MailboxId mailbox, WakeHook hook)
      : account_(std::move(account)), mailbox_(mailbox), hook_(std::move(hook)) {
    const std::lock_guard lock(account_->watch_mutex_);
    account_->watches_.insert(this);
  }
  ~WatchBody() override {
    const std::lock_guard lock(account_->watch_mutex_);
    account_->watches_.erase(this);
  }
  bool take() override { return dirty_.exchange(false, std::memory_order_acq_rel); }
  [[nodiscard]] MailboxId mailbox() const { return mailbox_; }

  /// The watch mutex is held.
  void tell(const CommitPart& part) {
    const bool concerned =
        mailbox_ == 0 || part.listing_changed ||
        std::find(part.touched.begin(), part.touched.end(), mailbox_) != part.touched.end() ||
        std::any_of(part.messages.begin(), part.messages.end(), [&](const auto& m) { return m.mailbox == mailbox_; });
    if (concerned && !dirty_.exchange(true, std::memory_order_acq_rel) && hook_) hook_();
  }

 private:
  std::shared_ptr<Account> account_;
  MailboxId mailbox_;
  WakeHook hook_;
  std::atomic<bool> dirty_{false};
};

std::string mailbox_id_text(MailboxId id) { return "m" + std::to_string(id); }
std::string account_key_text(AccountId account) { return "a" + std::to_string(account); }

std::string email_id_text(const EmailView& email) {
  if (!email.origin) return "e" + std::to_string(email.id);
  const auto& [account, first] = *email.origin;
  return "e" + std::to_string(first) + (account == 0 ? "" : "-" + account_key_text(account));
}
std::string thread_id_text(ThreadId id) { return "t" + std::to_string(id); }

const MailboxInfo* Listing::find(std::string_view name) const {
  auto canonical = canonical_name(name);
  if (!canonical) return nullptr;
  const auto at = std::find_if(mailboxes.begin(), mailboxes.end(), [&](const auto& m) { return m.name == *canonical; });
  return at == mailboxes.end() ? nullptr : &*at;
}

const MailboxInfo* Listing::find(MailboxId id) const {
  const auto at = std::find_if(mailboxes.begin(), mailboxes.end(), [&](const auto& m) { return m.id == id; });
  return at == mailboxes.end() ? nullptr : &*at;
}

const MailboxInfo* Listing::find(SpecialUse use) const {
  const auto at = std::find_if(mailboxes.begin(), mailboxes.end(), [&](const auto& m) { return m.use == use; });
  return at == mailboxes.end() ? nullptr : &*at;
}

bool Listing::subscribed(std::string_view name) const {
  return std::binary_search(subscriptions.begin(), subscriptions.end(), name);
}

Result<Account::Mailbox*> Account::find(MailboxId mailbox) {
  const auto at = mailboxes_.find(mailbox);
  if (removed_ || at == mailboxes_.end() || !at->second->visible) return fail(kNoMailbox, "there is no such mailbox");
  return at->second.get();
}

Result<const Account::Mailbox*> Account::find(MailboxId mailbox) const {
  const auto at = mailboxes_.find(mailbox);
  if (removed_ || at == mailboxes_.end() || !at->second->visible) return fail(kNoMailbox, "there is no such mailbox");
  return at->second.get();
}

Result<> Account::usable() const {
  if (removed_) return fail(kNoMailbox, "the account was removed");
  if (stale_) return fail(store::kStopped, "the account has to be loaded anew");
  return {};
}

Result<Account::Mailbox*> Account::writable(MailboxId mailbox) {
  TRY(usable());
  Mailbox* const found = TRY(find(mailbox));
  if (found->doomed) return fail(kNoMailbox, "the mailbox is being deleted");
  if (!found->head_selectable) return fail(kNotSelectable, "the mailbox holds no messages");
  return found;
}

ListingPtr Account::listing() const {
  const std::lock_guard lock(mutex_);
  return listing_;
}

Result<Status> Account::status(MailboxId mailbox) const {
  const std::lock_guard lock(mutex_);
  const Mailbox* const found = TRY(find(mailbox));
  const MailboxCounters& shown = found->shown;
  return Status{.uid_validity = found->info.uid_validity,
                .uid_next = shown.uid_next,
                .highest_modseq = shown.modseq,
                .messages = static_cast<std::uint64_t>(shown.tally.messages),
                .unseen = static_cast<std::uint64_t>(shown.tally.unseen),
                .deleted = static_cast<std::uint64_t>(shown.tally.deleted),
                .recent = found->recent,
                .octets = static_cast<std::uint64_t>(shown.tally.octets)};
}

Quota Account::quota() const {
  const std::lock_guard lock(mutex_);
  return {.limits = limits_,
          .octets = static_cast<std::uint64_t>(used_.octets),
          .messages = static_cast<std::uint64_t>(used_.messages)};
}

Modseq Account::modseq() const {
  const std::lock_guard lock(mutex_);
  return shown_modseq_;
}

Result<> Account::check_room(std::uint64_t octets, std::uint64_t messages, OverQuota over) const {
  const auto used_octets = static_cast<std::uint64_t>(used_.octets + pending_use_.octets);
  const auto used_messages = static_cast<std::uint64_t>(used_.messages + pending_use_.messages);
  // One of several recipients may go over by this message, not beyond.
  const bool one = over == OverQuota::take_one;
  auto exceeds = [&](std::uint64_t used, std::uint64_t more, std::uint64_t limit) {
    return limit != 0 && (one ? used >= limit : more > limit || used > limit - more);
  };
  if (exceeds(used_octets, octets, limits_.octets) || exceeds(used_messages, messages, limits_.messages))
    return fail(kOverQuota, "the account's quota is exceeded");
  return {};
}

Result<> Account::may_accept(std::uint64_t octets, std::uint64_t messages) const {
  const std::lock_guard lock(mutex_);
  TRY(usable());
  return check_room(octets, messages, OverQuota::refuse);
}

ViewPtr Account::publish(Mailbox& mailbox) {
  mailbox.used = around_.clock.now();
  if (mailbox.published && mailbox.published->numbers().version == mailbox.version) return mailbox.published;
  const View::Numbers numbers{.mailbox = mailbox.info.id,
                              .uid_validity = mailbox.info.uid_validity,
                              .uid_next = mailbox.shown.uid_next,
                              .highest_modseq = mailbox.shown.modseq,
                              .version = mailbox.version};
  mailbox.published = std::make_shared<const View>(numbers, mailbox.draft.share(), mailbox.keywords);
  return mailbox.published;
}

ViewPtr Account::view_now(MailboxId mailbox) {
  const std::lock_guard lock(mutex_);
  auto found = find(mailbox);
  if (!found || !(*found)->loaded || !(*found)->info.selectable) return nullptr;
  return publish(**found);
}

void Account::publish_listing() {
  auto listing = std::make_shared<Listing>();
  for (const auto& [id, mailbox] : mailboxes_)
    if (mailbox->visible) listing->mailboxes.push_back(mailbox->info);
  // INBOX first, then by levels: '/' before every other octet.
  auto before = [](const MailboxInfo& a, const MailboxInfo& b) {
    if ((a.name == kInbox) != (b.name == kInbox)) return a.name == kInbox;
    return std::lexicographical_compare(a.name.begin(), a.name.end(), b.name.begin(), b.name.end(), [](char x, char y) {
      auto rank = [](char c) { return c == kSeparator ? 0 : static_cast<unsigned char>(c) + 1; };
      return rank(x) < rank(y);
    });
  };
  std::sort(listing->mailboxes.begin(), listing->mailboxes.end(), before);
  // What lies below a name stands right behind it, but for INBOX, which was put first.
  std::set<std::string_view> parents;
  for (const MailboxInfo& info : listing->mailboxes)
    if (const auto parent = parent_of(info.name); !parent.empty()) parents.insert(parent);
  for (MailboxInfo& info : listing->mailboxes) info.has_children = parents.contains(info.name);
  listing->subscriptions.assign(subscriptions_.begin(), subscriptions_.end());
  listing_ = std::move(listing);
}

std::unique_ptr<Watch> Account::watch(MailboxId mailbox, WakeHook hook) {
  return std::make_unique<WatchBody>(shared_from_this(), mailbox, std::move(hook));
}

Uid Account::take_recent(MailboxId mailbox) {
  const std::lock_guard lock(mutex_);
  auto found = find(mailbox);
  if (!found) return 1;
  (*found)->recent = 0;
  return std::exchange((*found)->recent_from, (*found)->shown.uid_next);
}

Uid Account::peek_recent(MailboxId mailbox) const {
  const std::lock_guard lock(mutex_);
  auto found = find(mailbox);
  return found ? (*found)->recent_from : 1;
}

void Account::pend(std::shared_ptr<CommitPart> part) {
  pending_use_ += part->adds;
  if (part->key_uses != 0) key_uses_.recorded(part->key_uses);
  pending_.push_back(std::move(part));
}

void Account::dispatch(std::shared_ptr<CommitPart> part, store::Batch batch, Done<> done) {
  part->account = shared_from_this();
  pend(part);
  Commit::enqueue(around_.tablet, std::move(batch), {std::move(part)},
                  [done = std::move(done)](const Result<store::CommitInfo>& result) mutable {
                    done(result ? Result<>() : Result<>(std::unexpected(result.error())));
                  });
}

void Account::send(std::shared_ptr<CommitPart> part, store::Batch batch, Done<> done) {
  if (part->modseq != 0) return dispatch(std::move(part), std::move(batch), std::move(done));
  if (pending_.empty()) return done({});
  // What made it unnecessary may not be durable yet, and is not if the account has become stale; a delivery that is
  // refused was no part of that.
  pending_.back()->after.push_back([this, done = std::move(done)](const Result<>& end) mutable {
    if (!stale()) return done({});
    done(end ? Result<>(fail(store::kStopped, "a change before this one was refused")) : end);
  });
}

void Account::show(CommitPart& part) {
  for (CommitPart::Messages& change : part.messages) {
    const auto at = mailboxes_.find(change.mailbox);
    if (at == mailboxes_.end()) continue;
    Mailbox& mailbox = *at->second;
    mailbox.shown.merge(change.counters);
    used_ += change.counters.tally;
    mailbox.recent += change.delta->added.size();
    for (const UidRange range : change.delta->removed.ranges())
      if (range.last >= mailbox.recent_from)
        mailbox.recent -= range.last - std::max(range.first, mailbox.recent_from) + 1;
    if (!mailbox.keywords_pending.empty()) {
      mailbox.keywords_pending.erase(change.delta->change.keywords);
      for (const NewEntry& added : change.delta->added) mailbox.keywords_pending.erase(added.keywords);
    }
    if (mailbox.loaded)
      mailbox.draft.apply(*change.delta);
    else if (mailbox.loading)
      mailbox.backlog.push_back(change.delta);
    ++mailbox.version;
  }
  shown_modseq_ = std::max(shown_modseq_, part.modseq);
  if (part.effect) part.effect();
  if (part.listing_changed) publish_listing();
}

void Account::completed(CommitPart& part, const Result<store::CommitInfo>& result) {
  {
    const std::lock_guard lock(mutex_);
    assert(!pending_.empty() && pending_.front().get() == &part);
    pending_use_ -= part.adds;
    pending_.pop_front();
    if (!result && part.key_uses != 0) key_uses_.refused();
    if (result)
      show(part);
    else if (part.only_adds && !result.error().is(store::kStopped))
      forget_threads(part);
    else
      stale_ = true;  // shares, names and what else was changed for it are not as in the store
  }
  if (!result) return;
  wake(part);
  if (part.only_adds && around_.on_added != nullptr && *around_.on_added) (*around_.on_added)(id_);
}

void Account::wake(const CommitPart& part) {
  const std::lock_guard lock(watch_mutex_);
  for (WatchBody* const watch : watches_) watch->tell(part);
}

bool Account::settle(Moment before) {
  const std::lock_guard lock(mutex_);
  std::unordered_set<MailboxId> watched;
  {
    const std::lock_guard watch_lock(watch_mutex_);
    for (const WatchBody* const watch : watches_) watched.insert(watch->mailbox());
  }
  for (const auto& [id, mailbox] : mailboxes_) {
    // Somebody's view keeps its blocks alive, not the draft; who watches asks for the next view without waiting.
    // Who still loads it would otherwise lay a backlog over it that ends before what came since.
    if (!mailbox->loaded || mailbox->loading || mailbox->used > before || mailbox->published.use_count() > 1 ||
        watched.contains(id))
      continue;
    const auto part_of = [&](const auto& part) {
      return std::any_of(part->messages.begin(), part->messages.end(), [&](const auto& m) { return m.mailbox == id; });
    };
    if (std::any_of(pending_.begin(), pending_.end(), part_of)) continue;
    mailbox->loaded = false;
    mailbox->draft = Draft();
    mailbox->published = nullptr;
  }
  return pending_.empty();
}

void Account::tell_replaced() {
  CommitPart part;
  part.listing_changed = true;
  wake(part);
}

bool Account::stale() const {
  const std::lock_guard lock(mutex_);
  return stale_ || removed_;
}

}  // namespace angarium::mailbox
