// The mailboxes of an account: CREATE, DELETE, RENAME, SUBSCRIBE (RFC 9051 §6.3.4-6.3.8), and the account itself.
#include <algorithm>
#include <array>

#include "mailbox/account.h"
#include "store/keys.h"

namespace angarium::mailbox {

void Account::put_mailbox(const Mailbox& mailbox, store::Batch& batch) const {
  const MailboxRecord record{.name = mailbox.head_name,
                             .uid_validity = mailbox.info.uid_validity,
                             .use = mailbox.head_selectable ? mailbox.info.use : SpecialUse::none,
                             .selectable = mailbox.head_selectable};
  batch.put(mailbox_key(id_, mailbox.info.id), record.encode());
}

std::uint32_t Account::next_uid_validity() {
  // RFC 9051 §2.3.1.1: the time serves, as long as it only rises; the counter keeps it so when the clock does not.
  const auto now =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(around_.clock.wall().seconds(), 1, UINT32_MAX - 1));
  const std::uint32_t result = std::max(head_.uid_validity_next, now);
  head_.uid_validity_next = result + 1;
  return result;
}

Account::Mailbox* Account::by_head_name(std::string_view name) {
  const auto at = head_names_.find(name);
  return at == head_names_.end() ? nullptr : at->second;
}

bool Account::has_inferiors(std::string_view name) const {
  const std::string below = std::string(name) + kSeparator;
  const auto at = head_names_.lower_bound(below);
  return at != head_names_.end() && at->first.starts_with(below);
}

Account::Mailbox& Account::make_mailbox(std::string name, SpecialUse use, Tree& tree) {
  auto owned = std::make_unique<Mailbox>();
  Mailbox& mailbox = *owned;
  mailbox.visible = false;
  mailbox.info.id = head_.mailbox_next++;
  mailbox.info.name = mailbox.head_name = std::move(name);
  mailbox.info.uid_validity = next_uid_validity();
  mailbox.info.use = use;
  mailbox.shown.modseq = tree.part->modseq;
  mailbox.loaded = true;  // it is empty
  mailbox.used = around_.clock.now();
  // RFC 4314 §4: what is made below a mailbox is for the same people.
  if (const Mailbox* const above = by_head_name(parent_of(mailbox.head_name))) mailbox.head_access = above->head_access;
  mailbox.info.access = mailbox.head_access;
  if (mailbox.head_access) put_access(mailbox, tree.batch);
  put_mailbox(mailbox, tree.batch);
  merge_counters(mailbox, tree.part->modseq, {}, tree.batch);
  tree.changes.push_back({.kind = Change::Kind::mailbox, .mailbox = mailbox.info.id});
  tree.effects.push_back([this, &mailbox] {
    mailbox.visible = true;
    if (mailbox.info.access) tell_sharing();
  });
  head_names_.emplace(mailbox.head_name, &mailbox);
  mailboxes_.emplace(mailbox.info.id, std::move(owned));
  return mailbox;
}

Result<> Account::make_superiors(std::string_view name, Tree& tree) {
  std::vector<std::string_view> missing;
  for (std::size_t at = name.find(kSeparator); at != std::string_view::npos; at = name.find(kSeparator, at + 1))
    if (!by_head_name(name.substr(0, at))) missing.push_back(name.substr(0, at));
  if (mailboxes_.size() + missing.size() > kMailboxesMax) return fail(kTooMany, "the account has too many mailboxes");
  for (const std::string_view superior : missing) make_mailbox(std::string(superior), SpecialUse::none, tree);
  return {};
}

/// A change of the tree goes out with the counters that must outlive mailboxes.
void Account::send_tree(Tree tree, Done<> done) {
  if (tree.part->modseq != 0) {
    tree.batch.merge(account_key(id_), head_.encode());
    put_change(tree.part->modseq, std::move(tree.changes), tree.batch);
    tree.part->listing_changed = true;
    tree.part->effect = [effects = std::move(tree.effects)]() mutable {
      for (auto& effect : effects) effect();
    };
  }
  send(std::move(tree.part), std::move(tree.batch), std::move(done));
}

Result<Account::Mailbox*> Account::create_in(const std::string& given, SpecialUse use, Tree& tree) {
  TRY(usable());
  const std::string name = TRY(canonical_name(given));
  Mailbox* mailbox = by_head_name(name);
  if (mailbox && mailbox->head_selectable) return fail(kMailboxExists, "there is a mailbox of that name");
  if (use != SpecialUse::none)
    for (const auto& [id, other] : mailboxes_)
      if (!other->doomed && other->head_selectable && other->info.use == use)
        return fail(kUseTaken, "another mailbox has that special use");
  // Nothing is refused once numbers were given out.
  if (!mailbox && mailboxes_.size() >= kMailboxesMax - kDepthMax)
    return fail(kTooMany, "the account has too many mailboxes");
  tree.part->modseq = next_modseq(tree.batch);
  TRY(make_superiors(name, tree));
  if (mailbox) drop_place(*mailbox, tree);
  return &make_mailbox(name, use, tree);
}

/// A name that was only a place in the hierarchy makes room for a mailbox of another id: MAILBOXID is never used again
/// (RFC 8474 §4), and who has the deleted mailbox selected must not go on in the new one.
void Account::drop_place(Mailbox& place, Tree& tree) {
  place.doomed = true;
  head_names_.erase(place.head_name);
  tree.batch.erase(mailbox_key(id_, place.info.id));
  tree.batch.erase(access_key(id_, place.info.id));
  remove_metadata(place.info.id, tree);
  tree.changes.push_back({.kind = Change::Kind::mailbox, .mailbox = place.info.id});
  tree.effects.push_back([this, id = place.info.id] {
    mailboxes_.erase(id);
    tell_sharing();
  });
}

void Account::begin_create(const std::string& given, SpecialUse use, Done<MailboxInfo> done) {
  const std::lock_guard lock(mutex_);
  Tree tree;
  auto made = create_in(given, use, tree);
  if (!made) return done(std::unexpected(std::move(made).error()));
  MailboxInfo info = (*made)->info;
  send_tree(std::move(tree), answer(std::move(done), std::move(info)));
}

void Account::begin_rename_inbox(const std::string& given_to, Done<Partial<MailboxId>> done) {
  const std::lock_guard lock(mutex_);
  Tree tree;
  Partial<MailboxId> outcome;
  auto begun = [&]() -> Result<> {
    TRY(usable());
    Mailbox* const inbox = by_head_name(kInbox);
    if (!inbox) return fail(kNoMailbox, "there is no INBOX");
    if (!inbox->loaded) return fail(kWouldBlock, "the view is not in memory");
    Mailbox* const to = TRY(create_in(given_to, SpecialUse::none, tree));
    outcome.result = to->info.id;
    Partial<CopyResult> moved;
    TRY(copy_messages(*inbox, UidSet::all(), *to, Copying::move, moved, tree.changes, tree.batch, *tree.part));
    outcome.more = moved.more;
    copy_metadata(inbox->info.id, to->info.id, tree);
    return {};
  }();
  if (!begun) return done(std::unexpected(std::move(begun).error()));
  send_tree(std::move(tree), answer(std::move(done), outcome));
}

void Account::begin_remove(const std::string& given, Done<> done) {
  const std::lock_guard lock(mutex_);
  Tree tree;
  auto begun = [&]() -> Result<> {
    TRY(usable());
    const std::string name = TRY(canonical_name(given));
    // RFC 9051 §6.3.5: INBOX cannot be deleted.
    if (name == kInbox) return fail(kBadName, "INBOX cannot be deleted");
    Mailbox* const mailbox = by_head_name(name);
    if (!mailbox) return fail(kNoMailbox, "there is no such mailbox");
    const bool inferiors = has_inferiors(name);
    if (inferiors && !mailbox->head_selectable) return fail(kHasChildren, "the name has inferior names");
    if (mailbox->head_selectable && !mailbox->loaded) return fail(kWouldBlock, "the view is not in memory");
    const MailboxId id = mailbox->info.id;
    tree.part->modseq = next_modseq(tree.batch);
    std::vector<EmailId> emails;
    // What is on its way goes, too.
    head_of(*mailbox).for_each(UidSet::all(), [&](const Entry& entry) { emails.push_back(entry.email); });
    if (emails.size() > 4 * kBatchMessagesMax) return fail(kTooMany, "the mailbox is too large to be deleted at once");
    forget_emails(emails, tree.part->modseq, tree.batch);
    for (const RecordKind kind : {RecordKind::block, RecordKind::keyword}) {
      const Key prefix = Key(kind, id_).u32(id);
      tree.batch.erase_range(prefix, store::after_prefix(prefix));
    }
    tree.batch.erase(counters_key(id_, id));
    tree.batch.erase(access_key(id_, id));
    mailbox->head_access = nullptr;
    remove_metadata(id, tree);
    tree.changes.push_back({.kind = Change::Kind::mailbox, .mailbox = id});
    if (inferiors) {
      mailbox->head_selectable = false;
      put_mailbox(*mailbox, tree.batch);
    } else {
      mailbox->doomed = true;
      head_names_.erase(mailbox->head_name);
      tree.batch.erase(mailbox_key(id_, id));
    }
    tree.effects.push_back([this, id, mailbox, inferiors] {
      used_ -= mailbox->shown.tally;
      mailbox->shown = {};
      mailbox->info.selectable = false;
      mailbox->info.use = SpecialUse::none;
      mailbox->info.access = nullptr;
      mailbox->draft = Draft();
      mailbox->published = nullptr;
      mailbox->keywords = std::make_shared<const KeywordTable>();
      mailbox->keywords_pending = {};
      ++mailbox->version;
      if (!inferiors) mailboxes_.erase(id);
      tell_sharing();
    });
    return {};
  }();
  if (!begun) return done(std::unexpected(std::move(begun).error()));
  send_tree(std::move(tree), std::move(done));
}

void Account::begin_rename(const std::string& given_from, const std::string& given_to, Done<> done) {
  const std::lock_guard lock(mutex_);
  Tree tree;
  auto begun = [&]() -> Result<> {
    TRY(usable());
    const std::string from = TRY(canonical_name(given_from));
    const std::string to = TRY(canonical_name(given_to));
    Mailbox* const mailbox = by_head_name(from);
    if (!mailbox || !mailbox->visible) return fail(kNoMailbox, "there is no such mailbox");
    if (by_head_name(to)) return fail(kMailboxExists, "there is a mailbox of that name");
    if (is_inferior(to, from)) return fail(kBadName, "a mailbox cannot be moved below itself");
    std::vector<std::pair<Mailbox*, std::string>> renamed = {{mailbox, to}};
    const std::string below = from + kSeparator;
    for (auto at = head_names_.lower_bound(below); at != head_names_.end() && at->first.starts_with(below); ++at)
      renamed.emplace_back(at->second, TRY(canonical_name(to + at->first.substr(from.size()))));
    for (const auto& [moved, name] : renamed)
      if (!moved->visible) return fail(kNoMailbox, "an inferior name is being created");
    tree.part->modseq = next_modseq(tree.batch);
    TRY(make_superiors(to, tree));
    for (auto& [moved, name] : renamed) {
      head_names_.erase(moved->head_name);
      moved->head_name = name;
      head_names_.emplace(name, moved);
      put_mailbox(*moved, tree.batch);
      tree.changes.push_back({.kind = Change::Kind::mailbox, .mailbox = moved->info.id});
      tree.effects.push_back([moved, name] { moved->info.name = name; });
    }
    // The names that were subscribed to stay so (RFC 9051 §6.3.7); the new ones join them.
    for (const auto& [moved, name] : renamed)
      if (head_subscriptions_.contains(std::string_view(moved->info.name))) put_subscription(name, tree);
    return {};
  }();
  if (!begun) return done(std::unexpected(std::move(begun).error()));
  send_tree(std::move(tree), std::move(done));
}

void Account::put_subscription(const std::string& name, Tree& tree) {
  if (head_subscriptions_.size() >= kSubscriptionsMax || !head_subscriptions_.insert(name).second) return;
  tree.batch.put(subscription_key(id_, name), {});
  tree.effects.push_back([this, name] { subscriptions_.insert(name); });
}

void Account::begin_subscribe(const std::string& given, Subscription subscription, Done<> done) {
  const std::lock_guard lock(mutex_);
  Tree tree;
  auto begun = [&]() -> Result<> {
    TRY(usable());
    const std::string name = TRY(canonical_name(given));
    const bool there = head_subscriptions_.contains(name);
    if (there == (subscription == Subscription::on)) return {};
    if (!there && head_subscriptions_.size() >= kSubscriptionsMax) return fail(kTooMany, "too many subscriptions");
    tree.part->modseq = next_modseq(tree.batch);
    if (subscription == Subscription::on) {
      put_subscription(name, tree);
    } else {
      head_subscriptions_.erase(name);
      tree.batch.erase(subscription_key(id_, name));
      tree.effects.push_back([this, name] { subscriptions_.erase(name); });
    }
    return {};
  }();
  if (!begun) return done(std::move(begun));
  send_tree(std::move(tree), std::move(done));
}

io::Task<Result<MailboxInfo>> Account::create(std::string name, SpecialUse use) {
  io::CrossThread<MailboxInfo> answer;
  begin_create(name, use, answer.completion());
  co_return co_await answer;
}

io::Task<Result<>> Account::remove(std::string name) {
  while (true) {
    io::CrossThread<> answer;
    begin_remove(name, answer.completion());
    auto outcome = co_await answer;
    const bool unloaded = !outcome && outcome.error().is(kWouldBlock);
    const bool too_large = !outcome && outcome.error().is(kTooMany);
    if (!unloaded && !too_large) co_return outcome;
    const ListingPtr mailboxes = listing();
    const MailboxInfo* const info = mailboxes->find(name);
    if (!info) co_return fail(kNoMailbox, "there is no such mailbox");
    if (unloaded)
      CO_TRY(co_await loaded(info->id));
    else
      CO_TRY(co_await expunge(info->id, UidSet::all(), ExpungeOnly::any));
  }
}

io::Task<Result<>> Account::rename_inbox(std::string to) {
  const MailboxId inbox = listing()->find(kInbox)->id;
  while (true) {
    CO_TRY(co_await loaded(inbox));
    const UidSet present = {{1, CO_TRY(status(inbox)).uid_next}};
    io::CrossThread<Partial<MailboxId>> answer;
    begin_rename_inbox(to, answer.completion());
    auto outcome = co_await answer;
    if (!outcome && outcome.error().is(kWouldBlock)) continue;
    const auto [made, more] = CO_TRY(std::move(outcome));
    if (more) CO_TRY(co_await move(inbox, present, made));
    co_return Result<>();
  }
}

io::Task<Result<>> Account::rename(std::string from, std::string to) {
  if (CO_TRY(canonical_name(from)) == kInbox) co_return co_await rename_inbox(std::move(to));
  io::CrossThread<> answer;
  begin_rename(from, to, answer.completion());
  co_return co_await answer;
}

io::Task<Result<>> Account::subscribe(std::string name, Subscription subscription) {
  io::CrossThread<> answer;
  begin_subscribe(name, subscription, answer.completion());
  co_return co_await answer;
}

io::Task<Result<>> Account::set_quota(QuotaLimits limits) {
  io::CrossThread<> answer;
  {
    const std::lock_guard lock(mutex_);
    CO_TRY(usable());
    store::Batch batch;
    batch.put(quota_key(id_), encode_limits(limits));
    auto part = std::make_shared<CommitPart>();
    part->effect = [this, limits] { limits_ = limits; };
    dispatch(std::move(part), std::move(batch), answer.completion());
  }
  co_return co_await answer;
}

void Account::create(AccountId id, const QuotaLimits& limits, WallTime now, store::Batch& batch) {
  struct Standard {
    std::string_view name;
    SpecialUse use;
  };
  static constexpr std::array<Standard, 6> kStandard = {{{kInbox, SpecialUse::none},
                                                         {"Archive", SpecialUse::archive},
                                                         {"Drafts", SpecialUse::drafts},
                                                         {"Junk", SpecialUse::junk},
                                                         {"Sent", SpecialUse::sent},
                                                         {"Trash", SpecialUse::trash}}};
  AccountCounters counters;
  counters.uid_validity_next = static_cast<std::uint32_t>(std::clamp<std::int64_t>(now.seconds(), 1, UINT32_MAX / 2));
  for (const auto& [name, use] : kStandard) {
    const MailboxId mailbox = counters.mailbox_next++;
    const MailboxRecord record{.name = std::string(name), .uid_validity = counters.uid_validity_next++, .use = use};
    batch.put(mailbox_key(id, mailbox), record.encode());
    batch.merge(counters_key(id, mailbox), MailboxCounters{}.encode());
    batch.put(subscription_key(id, name), {});
  }
  batch.put(account_key(id), counters.encode());
  batch.put(quota_key(id), encode_limits(limits));
}

void Account::erase(AccountId id, store::Batch& batch) {
  for (const RecordKind kind :
       {RecordKind::access, RecordKind::account, RecordKind::block, RecordKind::counters, RecordKind::email,
        RecordKind::message_id, RecordKind::keyword, RecordKind::change, RecordKind::mailbox, RecordKind::metadata,
        RecordKind::quota, RecordKind::share, RecordKind::thread, RecordKind::subscription}) {
    const Key prefix(kind, id);
    batch.erase_range(prefix, store::after_prefix(prefix));
  }
  keyring::Keys::erase(id, batch);
}

}  // namespace angarium::mailbox
