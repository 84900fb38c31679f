// Flags and expunging.
#include <algorithm>

#include "mailbox/account.h"

namespace angarium::mailbox {

namespace {

bool would_change(const FlagChange& change, SystemFlags flags, const KeywordSet& keywords) {
  switch (change.mode) {
    case FlagMode::replace: return flags != change.system || keywords != change.keywords;
    case FlagMode::add: {
      if ((change.system & ~flags) != 0) return true;
      KeywordSet after = keywords;
      after.insert(change.keywords);
      return after != keywords;
    }
    case FlagMode::remove: {
      if ((change.system & flags) != 0) return true;
      KeywordSet after = keywords;
      after.erase(change.keywords);
      return after != keywords;
    }
  }
  return false;
}

SystemFlags flags_after(const FlagChange& change, SystemFlags flags) {
  if (change.mode == FlagMode::replace) return change.system;
  if (change.mode == FlagMode::add) return flags | change.system;
  return flags & static_cast<SystemFlags>(~change.system);
}

}  // namespace

/// What is shown with all that is pending.
Draft Account::head_of(Mailbox& mailbox) {
  Draft head = mailbox.draft.fork();
  for (const auto& part : pending_)
    for (const auto& change : part->messages)
      if (change.mailbox == mailbox.info.id) head.apply(*change.delta);
  return head;
}

bool Account::has_pending(MailboxId mailbox) const {
  for (const auto& part : pending_)
    for (const auto& change : part->messages)
      if (change.mailbox == mailbox) return true;
  return false;
}

Modseq Account::next_modseq(store::Batch& batch) {
  const Modseq modseq = ++head_.modseq;
  if (modseq % kChangesTrimEvery == 0 && modseq > kChangesMax)
    batch.erase_range(change_key(id_, 0), change_key(id_, modseq - kChangesMax));
  return modseq;
}

MailboxCounters Account::merge_counters(const Mailbox& mailbox, Modseq modseq, const Tally& tally,
                                        store::Batch& batch) {
  const MailboxCounters counters{
      .uid_next = mailbox.head_uid_next, .modseq = modseq, .email_next = head_.email_next, .tally = tally};
  batch.merge(counters_key(id_, mailbox.info.id), counters.encode());
  return counters;
}

void Account::put_change(Modseq modseq, std::vector<Change> items, store::Batch& batch) {
  batch.put(change_key(id_, modseq), ChangeRecord{std::move(items)}.encode());
}

Result<KeywordSet> Account::resolve(std::shared_ptr<const KeywordTable>& table, const FlagNames& names,
                                    Unknown unknown) {
  KeywordSet set;
  for (const std::string& name : names.keywords) {
    auto index = table->find(name);
    if (!index) {
      if (unknown == Unknown::skip) continue;
      if (!valid_keyword(name)) return fail(kBadKeyword, "this is no keyword");
      index = table->vacancy();
      if (!index) return fail(kTooMany, "the mailbox has too many keywords");
      auto wider = std::make_shared<KeywordTable>(*table);
      wider->set(*index, name);
      table = std::move(wider);
    }
    set.insert(*index);
  }
  return set;
}

void Account::keep_keywords(Mailbox& mailbox, std::shared_ptr<const KeywordTable> table, const KeywordSet& used,
                            store::Batch& batch) {
  const std::shared_ptr<const KeywordTable> before = std::exchange(mailbox.keywords, std::move(table));
  used.for_each([&](std::uint16_t index) {
    if (index >= before->size() || before->name(index).empty()) mailbox.keywords_pending.insert(index);
    // Its definition may be in a batch that is still on its way and may fail.
    if (mailbox.keywords_pending.contains(index))
      batch.put(keyword_key(id_, mailbox.info.id, index), mailbox.keywords->name(index));
  });
}

Result<> Account::may_flag(MailboxId mailbox, const FlagNames& flags) const {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const KeywordTable> table = TRY(find(mailbox))->keywords;
  TRY(resolve(table, flags, Unknown::add));
  return {};
}

void Account::free_keywords(Mailbox& mailbox) {
  if (mailbox.keywords->size() <= kKeywordsMax / 2) return;
  KeywordSet used = mailbox.keywords_pending;
  mailbox.draft.for_each(UidSet::all(), [&](const Entry& entry) { used.insert(mailbox.draft.keywords_of(entry)); });
  for (const auto& part : pending_) {
    for (const auto& change : part->messages) {
      if (change.mailbox != mailbox.info.id) continue;
      used.insert(change.delta->change.keywords);
      for (const NewEntry& added : change.delta->added) used.insert(added.keywords);
    }
  }
  auto table = std::make_shared<KeywordTable>(*mailbox.keywords);
  for (std::size_t i = 0; i < table->size(); ++i)
    if (const auto index = static_cast<std::uint16_t>(i); !used.contains(index)) table->set(index, {});
  mailbox.keywords = std::move(table);
}

void Account::begin_flags(MailboxId id, const UidSet& uids, const FlagRequest& request, const FlagOptions& options,
                          Done<Partial<FlagResult>> done) {
  const std::lock_guard lock(mutex_);
  auto found = writable(id);
  if (!found) return done(std::unexpected(std::move(found).error()));
  Mailbox& mailbox = **found;
  if (!mailbox.loaded) return done(fail(kWouldBlock, "the view is not in memory"));
  store::Batch batch;
  const Unknown unknown = request.mode == FlagMode::remove ? Unknown::skip : Unknown::add;
  std::shared_ptr<const KeywordTable> table = mailbox.keywords;
  auto keywords = resolve(table, request.flags, unknown);
  if (!keywords) return done(std::unexpected(std::move(keywords).error()));

  auto delta = std::make_shared<Delta>();
  delta->change = {.mode = request.mode, .system = request.flags.system, .keywords = *std::move(keywords)};
  Partial<FlagResult> outcome;
  Tally tally;
  auto judge = [&](const Draft& head, const Entry& entry) {
    // Messages that are not shown yet can't be meant.
    if (entry.uid >= mailbox.shown.uid_next || outcome.more) return;
    if (options.unchanged_since && entry.modseq > *options.unchanged_since) {
      outcome.result.modified.add(entry.uid);
      return;
    }
    if (!would_change(delta->change, entry.flags(), head.keywords_of(entry))) return;
    if (delta->changed.ranges().size() >= kBatchMessagesMax) {
      outcome.more = true;
      return;
    }
    delta->changed.add(entry.uid);
    tally.count(entry, -1);
    Entry after = entry;
    after.flag_bits = flags_after(delta->change, entry.flags());
    tally.count(after);
  };
  if (has_pending(id)) {
    const Draft head = head_of(mailbox);
    head.for_each(uids, [&](const Entry& entry) { judge(head, entry); });
  } else {
    mailbox.draft.for_each(uids, [&](const Entry& entry) { judge(mailbox.draft, entry); });
  }

  auto part = std::make_shared<CommitPart>();
  if (!delta->changed.empty()) {
    keep_keywords(mailbox, std::move(table), delta->change.keywords, batch);
    part->modseq = delta->modseq = next_modseq(batch);
    for_each_block(delta->changed, [&](std::uint32_t number, std::span<const UidRange> ranges) {
      batch.merge(block_key(id_, id, number), change_operand(delta->change, ranges, delta->modseq));
    });
    const auto counters = merge_counters(mailbox, part->modseq, tally, batch);
    put_change(part->modseq, {{.kind = Change::Kind::flags, .mailbox = id, .uids = delta->changed}}, batch);
    outcome.result.changed = delta->changed;
    outcome.result.modseq = part->modseq;
    part->messages.push_back({id, delta, counters});
  }
  send(std::move(part), std::move(batch), answer(std::move(done), std::move(outcome)));
}

void Account::forget_emails(const std::vector<EmailId>& emails, Modseq modseq, store::Batch& batch) {
  std::vector<EmailId> last;
  for (const EmailId email : emails) {
    const auto share = shares_.find(email);
    if (share == shares_.end()) {
      last.push_back(email);
    } else if (--share->second == 0) {
      shares_.erase(share);
      batch.erase(share_key(id_, email));
    } else {
      batch.put(share_key(id_, email), encode_number(share->second));
    }
  }
  const std::int64_t due = around_.clock.wall().seconds() + kGraveSeconds;
  std::uint32_t number = 0;
  for (std::span<const EmailId> rest(last); !rest.empty(); rest = rest.subspan(std::min(rest.size(), kGraveEmailsMax)))
    batch.put(grave_key(due, id_, modseq, number++), encode_emails(rest.first(std::min(rest.size(), kGraveEmailsMax))));
}

void Account::remove_messages(Mailbox& mailbox, const UidSet& removed, std::vector<EmailId> emails, const Tally& tally,
                              std::vector<Change>& changes, store::Batch& batch, CommitPart& part) {
  auto delta = std::make_shared<Delta>();
  delta->removed = removed;
  delta->modseq = part.modseq;
  for_each_block(removed, [&](std::uint32_t number, std::span<const UidRange> ranges) {
    batch.merge(block_key(id_, mailbox.info.id, number), remove_operand(ranges));
  });
  Tally less;
  less -= tally;
  const auto counters = merge_counters(mailbox, part.modseq, less, batch);
  part.messages.push_back({mailbox.info.id, std::move(delta), counters});
  changes.push_back(
      {.kind = Change::Kind::expunged, .mailbox = mailbox.info.id, .uids = removed, .emails = std::move(emails)});
}

void Account::begin_expunge(MailboxId id, const UidSet& uids, ExpungeOnly only, Done<Partial<ExpungeResult>> done) {
  const std::lock_guard lock(mutex_);
  auto found = writable(id);
  if (!found) return done(std::unexpected(std::move(found).error()));
  Mailbox& mailbox = **found;
  if (!mailbox.loaded) return done(fail(kWouldBlock, "the view is not in memory"));
  Partial<ExpungeResult> outcome;
  UidSet& removed = outcome.result.expunged;
  std::vector<EmailId> emails;
  Tally tally;
  auto judge = [&](const Entry& entry) {
    if (entry.uid >= mailbox.shown.uid_next || outcome.more) return;
    if (only == ExpungeOnly::deleted && !entry.has(kDeleted)) return;
    if (emails.size() >= kBatchMessagesMax) {
      outcome.more = true;
      return;
    }
    removed.add(entry.uid);
    emails.push_back(entry.email);
    tally.count(entry);
  };
  if (has_pending(id))
    head_of(mailbox).for_each(uids, judge);
  else
    mailbox.draft.for_each(uids, judge);

  store::Batch batch;
  auto part = std::make_shared<CommitPart>();
  if (!removed.empty()) {
    part->modseq = outcome.result.modseq = next_modseq(batch);
    forget_emails(emails, part->modseq, batch);
    std::vector<Change> changes;
    remove_messages(mailbox, removed, std::move(emails), tally, changes, batch, *part);
    put_change(part->modseq, std::move(changes), batch);
  }
  send(std::move(part), std::move(batch), answer(std::move(done), std::move(outcome)));
}

io::Task<Result<FlagResult>> Account::change_flags(MailboxId mailbox, UidSet uids, FlagRequest request,
                                                   FlagOptions options) {
  FlagResult all;
  while (true) {
    CO_TRY(co_await loaded(mailbox));
    io::CrossThread<Partial<FlagResult>> answer;
    begin_flags(mailbox, uids, request, options, answer.completion());
    auto outcome = co_await answer;
    if (!outcome && outcome.error().is(kWouldBlock)) continue;
    auto [result, more] = CO_TRY(std::move(outcome));
    for (const UidRange range : result.changed.ranges()) all.changed.add(range);
    all.modified = std::move(result.modified);
    if (result.modseq != 0) all.modseq = result.modseq;
    if (!more) break;
    // What this command changed itself is not to fail its own UNCHANGEDSINCE.
    uids = difference(uids, all.changed);
  }
  co_return all;
}

io::Task<Result<ExpungeResult>> Account::expunge(MailboxId mailbox, UidSet uids, ExpungeOnly only) {
  ExpungeResult all;
  while (true) {
    CO_TRY(co_await loaded(mailbox));
    io::CrossThread<Partial<ExpungeResult>> answer;
    begin_expunge(mailbox, uids, only, answer.completion());
    auto outcome = co_await answer;
    if (!outcome && outcome.error().is(kWouldBlock)) continue;
    auto [result, more] = CO_TRY(std::move(outcome));
    for (const UidRange range : result.expunged.ranges()) all.expunged.add(range);
    if (result.modseq != 0) all.modseq = result.modseq;
    if (!more) break;
  }
  co_return all;
}

}  // namespace angarium::mailbox
