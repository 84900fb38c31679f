// What brings messages into a mailbox: delivery, APPEND, COPY, MOVE.
#include <algorithm>

#include "mailbox/account.h"
#include "mailbox/body_reader.h"
#include "mailbox/record_opener.h"
#include "store/encrypted.h"

namespace angarium::mailbox {

namespace {

/// How many of them, from the first on, one batch takes with their bodies.
std::size_t fitting_a_batch(std::span<const AppendItem> items) {
  std::size_t octets = 0;
  for (std::size_t count = 0; count < items.size(); ++count) {
    if (items[count].content->octets) octets += items[count].content->to_store()->size();
    if (count == store::kBatchBodiesMax || octets > store::kBatchOctetsMax) return count;
  }
  return items.size();
}

}  // namespace

/// An email that is about to be stored.
struct Account::NewEmail {
  const Content& content;
  std::string_view prepended;
  std::int64_t received;
  const ThreadHits& hits;
  std::optional<Origin> origin{};
};

io::Task<Result<ThreadHits>> Account::find_threads(std::vector<std::uint64_t> keys) {
  if (keys.empty()) co_return ThreadHits();
  auto read = [&tablet = around_.tablet, account = id_,
               keys = std::move(keys)](store::Tier tier) -> Result<ThreadHits> {
    std::vector<Key> built;
    for (const std::uint64_t key : keys) built.push_back(message_id_key(account, key));
    const std::vector<std::string_view> wanted(built.begin(), built.end());
    auto values = tablet.multi_get(wanted, {.tier = tier});
    if (!values) return std::unexpected(as_ours(std::move(values).error()));
    ThreadHits hits;
    for (std::size_t i = 0; i < keys.size(); ++i)
      hits.emplace_back(keys[i], (*values)[i] ? TRY(decode_number(*(*values)[i])) : 0);
    return hits;
  };
  if (auto hits = read(store::Tier::memory); hits || !hits.error().is(kWouldBlock)) co_return hits;
  co_return co_await io::run(around_.pool, [read] { return read(store::Tier::any); });
}

ThreadId Account::resolve_thread(EmailId email, const ThreadHits& hits, std::string& put_keys, store::Batch& batch,
                                 CommitPart& part) {
  auto known = [&](const std::pair<std::uint64_t, ThreadId>& hit) {
    if (hit.second != 0) return hit.second;
    const auto recent = recent_threads_.find(hit.first);
    return recent == recent_threads_.end() ? ThreadId{0} : recent->second;
  };
  ThreadId thread = 0;
  for (const auto& hit : hits)
    if (thread == 0) thread = known(hit);
  // A thread is named by its first email.
  if (thread == 0) thread = email;
  for (const auto& hit : hits) {
    if (known(hit) != 0) continue;
    batch.put(message_id_key(id_, hit.first), encode_number(thread));
    for (int shift = 0; shift < 64; shift += 8) put_keys.push_back(static_cast<char>(hit.first >> shift));
    part.thread_keys.push_back(hit.first);
    recent_threads_[hit.first] = thread;
    recent_thread_order_.push_back(hit.first);
    if (recent_thread_order_.size() > kRecentThreadsMax) {
      recent_threads_.erase(recent_thread_order_.front());
      recent_thread_order_.pop_front();
    }
  }
  if (thread != email) batch.put(thread_key(id_, thread, email), {});
  return thread;
}

void Account::forget_threads(const CommitPart& part) {
  for (const std::uint64_t key : part.thread_keys) recent_threads_.erase(key);
}

Result<std::pair<NewEntry, ThreadId>> Account::put_email(const NewEmail& email, std::optional<std::size_t>& body,
                                                         store::Batch& batch, CommitPart& part) {
  const EmailId id = head_.email_next++;
  const Facts& facts = email.content.facts;
  const std::string presentation = facts.presentation.encode();
  EmailView view;
  view.id = id;
  view.received = email.received;
  const CopySizes sizes = copy_sizes(email.content, email.prepended);
  view.size = static_cast<std::uint32_t>(sizes.original);
  if (sizes.ascii) view.ascii_size = static_cast<std::uint32_t>(*sizes.ascii);
  view.prepended = email.prepended;
  view.origin = email.origin;
  if (view.origin && view.origin->account == id_) view.origin->account = 0;
  if (facts.ready && batch.metadata_size() < kReadyTextsInBatch) {
    view.ready = true;
    view.ascii = facts.ascii;
    view.utf8 = facts.utf8;
    view.references = facts.references;
    view.preview = facts.preview;
  }
  view.structure = facts.structure;
  view.presentation = presentation;
  view.body_key = email.content.body_key();
  std::string sealed;
  if (seals(email.content)) {
    if (!key_) return fail(keyring::kNoServerKey, "the account has no key yet");
    TRY(key_uses_.use());
    sealed = TRY(seal_private(view, id_, *key_));
    view.sealed = sealed;
  }
  // From here on nothing is refused: the batch has it.
  if (!sealed.empty()) put_uses(batch, part);
  std::string thread_keys;
  view.thread = resolve_thread(id, email.hits, thread_keys, batch, part);
  view.thread_keys = thread_keys;
  if (email.content.octets) {
    if (!body) {
      const auto& stored = email.content.to_store();
      const std::string_view octets = *stored;
      body = batch.body(stored, std::span(&octets, 1));
      if (email.content.key) set_encrypted(batch, *body);
    }
    batch.put_with_body(email_key(id_, id), encode_email(view), *body, kBodyRefAt);
  } else {
    view.body = email.content.stored;
    batch.put(email_key(id_, id), encode_email(view));
  }
  NewEntry entry;
  entry.entry.email = id;
  entry.entry.date = email.received;
  entry.entry.size = static_cast<std::uint32_t>(sizes.counted());
  if (sizes.ascii) {
    entry.entry.ascii_form = -1;
    entry.growth = static_cast<std::int64_t>(*sizes.ascii - sizes.original);
  }
  entry.entry.open_end = facts.open_end ? -1 : 0;
  entry.saved = around_.clock.wall().seconds();
  return std::pair(std::move(entry), view.thread);
}

Result<> Account::check_space(const Mailbox& mailbox, std::size_t more) {
  if (more > kUidMax - mailbox.head_uid_next) return fail(kTooMany, "the mailbox has no more UIDs");
  if (static_cast<std::uint64_t>(mailbox.shown.tally.messages) + more > kMessagesMax)
    return fail(kTooMany, "the mailbox has too many messages");
  return {};
}

UidSet Account::add_messages(Mailbox& mailbox, std::vector<NewEntry> entries, std::vector<Change>& changes,
                             store::Batch& batch, CommitPart& part) {
  UidSet uids;
  Tally tally;
  for (NewEntry& added : entries) {
    added.entry.uid = mailbox.head_uid_next++;
    added.entry.modseq = part.modseq;
    uids.add(added.entry.uid);
    tally.count(added.entry);
  }
  for (std::span<const NewEntry> rest(entries); !rest.empty();) {
    const std::uint32_t number = block_of(rest.front().entry.uid);
    const auto same =
        std::find_if(rest.begin(), rest.end(), [&](const auto& e) { return block_of(e.entry.uid) != number; });
    const auto count = static_cast<std::size_t>(same - rest.begin());
    batch.merge(block_key(id_, mailbox.info.id, number), add_operand(rest.first(count)));
    rest = rest.subspan(count);
  }
  const auto counters = merge_counters(mailbox, part.modseq, tally, batch);
  auto delta = std::make_shared<Delta>();
  delta->added = std::move(entries);
  delta->modseq = part.modseq;
  part.messages.push_back({mailbox.info.id, std::move(delta), counters});
  part.adds += tally;
  changes.push_back({.kind = Change::Kind::added, .mailbox = mailbox.info.id, .uids = uids});
  return uids;
}

Result<NewEntry> Account::new_entry(const AppendItem& item, const ThreadHits& hits,
                                    std::shared_ptr<const KeywordTable>& table, KeywordSet& used, store::Batch& batch,
                                    CommitPart& part) {
  const KeywordSet keywords = TRY(resolve(table, item.flags, Unknown::add));
  used.insert(keywords);
  std::optional<std::size_t> body;
  const std::int64_t received = item.received.value_or(around_.clock.wall()).seconds();
  auto [entry, thread] =
      TRY(put_email({*item.content, item.prepended, received, hits, item.origin}, body, batch, part));
  entry.entry.flag_bits = item.flags.system;
  entry.entry.zone = zone_quarters(item.zone_minutes);
  entry.keywords = keywords;
  return std::move(entry);
}

void Account::begin_append(MailboxId id, const std::vector<AppendItem>& items, const std::vector<ThreadHits>& hits,
                           store::Batch batch, Done<AppendResult> done) {
  const std::lock_guard lock(mutex_);
  auto part = std::make_shared<CommitPart>();
  part->only_adds = true;
  auto outcome = [&]() -> Result<AppendResult> {
    Mailbox& mailbox = *TRY(writable(id));
    std::uint64_t octets = 0;
    for (const AppendItem& item : items) octets += copy_sizes(*item.content, item.prepended).counted();
    TRY(check_room(octets, items.size(), OverQuota::refuse));
    TRY(check_space(mailbox, items.size()));
    std::vector<NewEntry> entries;
    std::shared_ptr<const KeywordTable> table = mailbox.keywords;
    KeywordSet used;
    for (const AppendItem& item : items)
      entries.push_back(TRY(new_entry(item, hits[entries.size()], table, used, batch, *part)));
    if (batch.metadata_size() > store::kBatchMetadataMax / 2) return fail(kTooMany, "too many messages at once");
    keep_keywords(mailbox, std::move(table), used, batch);
    part->modseq = next_modseq(batch);
    std::vector<Change> changes;
    AppendResult result{.uid_validity = mailbox.info.uid_validity, .uids = {}, .modseq = part->modseq};
    result.uids = add_messages(mailbox, std::move(entries), changes, batch, *part);
    put_change(part->modseq, std::move(changes), batch);
    return result;
  }();
  if (!outcome) {
    forget_threads(*part);
    return done(std::move(outcome));
  }
  send(std::move(part), std::move(batch), answer(std::move(done), *std::move(outcome)));
}

io::Task<Result<AppendResult>> Account::append(MailboxId mailbox, std::vector<AppendItem> items, store::Batch also) {
  if (items.empty()) co_return AppendResult{};
  // RFC 3502: all of a MULTIAPPEND or nothing.
  if (const std::size_t fitting = fitting_a_batch(items); fitting < items.size())
    items = CO_TRY(co_await set_aside(around_, std::move(items), fitting));
  std::vector<ThreadHits> hits;
  for (const AppendItem& item : items) CO_TRY(co_await prepare(*item.content));
  for (const AppendItem& item : items) hits.push_back(CO_TRY(co_await find_threads(item.content->facts.threads)));
  io::CrossThread<AppendResult> answer;
  begin_append(mailbox, items, hits, std::move(also), answer.completion());
  co_return co_await answer;
}

Result<> Account::copy_messages(Mailbox& from, const UidSet& uids, Mailbox& to, Copying copying,
                                Partial<CopyResult>& outcome, std::vector<Change>& changes, store::Batch& batch,
                                CommitPart& part) {
  std::vector<NewEntry> entries;
  std::vector<EmailId> emails;
  Tally tally;
  Tally later;  // what further batches will bring: a COPY is all or nothing
  std::optional<Draft> pending;
  if (has_pending(from.info.id)) pending = head_of(from);
  const Draft& head = pending ? *pending : from.draft;
  const std::int64_t now = around_.clock.wall().seconds();
  head.for_each(uids, [&](const Entry& entry) {
    if (entry.uid >= from.shown.uid_next) return;
    if (entries.size() >= kBatchMessagesMax) {
      outcome.more = true;
      later.count(entry);
      return;
    }
    entries.push_back(head.whole(entry));
    // RFC 8514 §3: not the source's.
    entries.back().saved = now;
    emails.push_back(entry.email);
    outcome.result.source.add(entry.uid);
    tally.count(entry);
  });
  if (entries.empty()) return {};
  if (copying == Copying::copy) {
    TRY(check_room(static_cast<std::uint64_t>(tally.octets + later.octets),
                   entries.size() + static_cast<std::size_t>(later.messages), OverQuota::refuse));
    TRY(check_space(to, entries.size() + static_cast<std::size_t>(later.messages)));
  }
  std::vector<std::optional<KeywordSet>> meaning(from.keywords->size());
  std::shared_ptr<const KeywordTable> table = to.keywords;
  KeywordSet used;
  for (NewEntry& entry : entries) {
    KeywordSet mapped;
    Result<> outcome_of_keywords;
    entry.keywords.for_each([&](std::uint16_t index) {
      if (!meaning[index] && outcome_of_keywords) {
        auto set = resolve(table, {.keywords = {from.keywords->name(index)}}, Unknown::add);
        if (set) {
          used.insert(*set);
          meaning[index] = *std::move(set);
        } else {
          outcome_of_keywords = std::unexpected(std::move(set).error());
        }
      }
      if (meaning[index]) mapped.insert(*meaning[index]);
    });
    TRY(std::move(outcome_of_keywords));
    entry.keywords = std::move(mapped);
    entry.entry.keywords = entry.keywords.low;
    entry.entry.spilled = 0;
  }
  TRY(check_space(to, entries.size()));
  keep_keywords(to, std::move(table), used, batch);
  if (part.modseq == 0) part.modseq = next_modseq(batch);
  outcome.result.modseq = part.modseq;
  if (copying == Copying::copy) {
    for (const EmailId email : emails) batch.put(share_key(id_, email), encode_number(++shares_[email]));
  } else {
    remove_messages(from, outcome.result.source, std::move(emails), tally, changes, batch, part);
  }
  outcome.result.target = add_messages(to, std::move(entries), changes, batch, part);
  if (copying == Copying::move) part.adds = {};
  return {};
}

void Account::begin_copy(MailboxId from_id, const UidSet& uids, MailboxId to_id, Copying copying,
                         Done<Partial<CopyResult>> done) {
  const std::lock_guard lock(mutex_);
  store::Batch batch;
  auto part = std::make_shared<CommitPart>();
  Partial<CopyResult> outcome;
  auto begun = [&]() -> Result<> {
    Mailbox& from = *TRY(writable(from_id));
    Mailbox& to = *TRY(writable(to_id));
    if (!from.loaded) return fail(kWouldBlock, "the view is not in memory");
    outcome.result.uid_validity = to.info.uid_validity;
    std::vector<Change> changes;
    TRY(copy_messages(from, uids, to, copying, outcome, changes, batch, *part));
    if (!changes.empty()) put_change(part->modseq, std::move(changes), batch);
    return {};
  }();
  if (!begun) return done(std::unexpected(std::move(begun).error()));
  send(std::move(part), std::move(batch), answer(std::move(done), std::move(outcome)));
}

io::Task<Result<CopyResult>> Account::copy_or_move(MailboxId from, UidSet uids, MailboxId to, Copying copying) {
  CopyResult all;
  while (true) {
    CO_TRY(co_await loaded(from));
    io::CrossThread<Partial<CopyResult>> answer;
    begin_copy(from, uids, to, copying, answer.completion());
    auto outcome = co_await answer;
    if (!outcome && outcome.error().is(kWouldBlock)) continue;
    if (!outcome && copying == Copying::copy && !all.target.empty()) {
      // RFC 9051 §6.4.7: a COPY that fails leaves the target as it was. What came before is taken back; but after
      // a failure of the store, which makes the account stale, it stays.
      (void)co_await expunge(to, all.target, ExpungeOnly::any);
    }
    auto [result, more] = CO_TRY(std::move(outcome));
    for (const UidRange range : result.source.ranges()) all.source.add(range);
    for (const UidRange range : result.target.ranges()) all.target.add(range);
    all.uid_validity = result.uid_validity;
    if (result.modseq != 0) all.modseq = result.modseq;
    if (!more) break;
    // What was copied stays where it was, and into the mailbox they come from, the new ones are behind what was asked
    // for.
    if (copying == Copying::copy) uids = difference(uids, result.source);
    if (from == to) uids = difference(uids, all.target);
  }
  co_return all;
}

io::Task<Result<CopyResult>> Account::copy(MailboxId from, UidSet uids, MailboxId to) {
  return copy_or_move(from, std::move(uids), to, Copying::copy);
}

io::Task<Result<CopyResult>> Account::move(MailboxId from, UidSet uids, MailboxId to) {
  return copy_or_move(from, std::move(uids), to, Copying::move);
}

Result<Account::Targets> Account::delivery_targets(const DeliveryRecipient& recipient, const Content& content) {
  TRY(usable());
  const std::uint64_t counted = copy_sizes(content, recipient.prepended).counted();
  if (recipient.prepended.size() > kPrependedMax || counted > kMessageSizeMax)
    return fail(store::kTooLarge, "the message is too large");
  // INBOX for what is not there.
  Targets targets;
  for (const DeliveryTarget& target : recipient.targets) {
    const MailboxInfo* info = listing_->find(target.mailbox);
    auto mailbox = info ? writable(info->id) : Result<Mailbox*>(fail(kNoMailbox, "no such mailbox"));
    if (!mailbox) mailbox = writable(listing_->find(kInbox)->id);
    Mailbox* const chosen = TRY(std::move(mailbox));
    TRY(check_space(*chosen, 1));
    if (std::none_of(targets.begin(), targets.end(), [&](const auto& t) { return t.first == chosen; }))
      targets.emplace_back(chosen, &target);
  }
  if (targets.empty()) return fail(kNoMailbox, "a delivery without a mailbox");
  const std::uint64_t octets = counted * targets.size();
  TRY(check_room(octets, targets.size(), recipient.over_quota));
  return targets;
}

Result<> Account::may_add_delivery(const DeliveryRecipient& recipient, const Content& content) {
  TRY(delivery_targets(recipient, content));
  return {};
}

Result<Delivered> Account::add_delivery(const DeliveryRecipient& recipient, const Content& content,
                                        const ThreadHits& hits, Received received, std::optional<std::size_t>& body,
                                        store::Batch& batch, CommitPart& part) {
  const Targets targets = TRY(delivery_targets(recipient, content));
  auto [entry, thread] = TRY(put_email({content, recipient.prepended, received.at.seconds(), hits}, body, batch, part));
  const EmailId email = entry.entry.email;
  entry.entry.zone = zone_quarters(received.zone_minutes);
  part.modseq = next_modseq(batch);
  std::vector<Change> changes;
  Delivered result{.email = email, .thread = thread, .mailbox = targets.front().first->info.id, .uid = 0};
  for (const auto& [mailbox, target] : targets) {
    NewEntry added = entry;
    added.entry.flag_bits = target->flags.system;
    // Too many keywords are no reason to refuse mail.
    std::shared_ptr<const KeywordTable> table = mailbox->keywords;
    if (auto keywords = resolve(table, target->flags, Unknown::add)) {
      keep_keywords(*mailbox, std::move(table), *keywords, batch);
      added.keywords = *std::move(keywords);
    }
    const UidSet uids = add_messages(*mailbox, {std::move(added)}, changes, batch, part);
    if (result.uid == 0) result.uid = uids.ranges().front().first;
  }
  if (targets.size() > 1) {
    shares_[email] = static_cast<std::uint32_t>(targets.size() - 1);
    batch.put(share_key(id_, email), encode_number(shares_[email]));
  }
  put_change(part.modseq, std::move(changes), batch);
  return result;
}

}  // namespace angarium::mailbox
