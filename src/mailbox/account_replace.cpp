// REPLACE (RFC 8508): a message comes and another goes, by one batch.
#include <algorithm>

#include "mailbox/account.h"
#include "store/encrypted.h"

namespace angarium::mailbox {

namespace {

Result<> store_aside(store::Tablet& tablet, std::span<AppendItem> items) {
  for (AppendItem& item : items) {
    if (!item.content->octets) continue;
    auto writer = TRY(tablet.open_body());
    TRY(writer->append(*item.content->to_store()));
    auto content = std::make_shared<Content>();
    content->facts = item.content->facts;
    content->key = item.content->key;
    content->stored = TRY(writer->seal());
    if (content->key) set_encrypted(content->stored);
    item.content = std::move(content);
  }
  return {};
}

}  // namespace

io::Task<Result<std::vector<AppendItem>>> Account::set_aside(const Surroundings& around, std::vector<AppendItem> items,
                                                             std::size_t from) {
  co_return co_await io::run(
      around.pool,
      [&tablet = around.tablet, items = std::move(items), from]() mutable -> Result<std::vector<AppendItem>> {
        TRY(store_aside(tablet, std::span(items).subspan(from)));
        return std::move(items);
      });
}

void Account::begin_replace(MailboxId from_id, Uid uid, MailboxId to_id, const AppendItem& item, const ThreadHits& hits,
                            Done<AppendResult> done) {
  const std::lock_guard lock(mutex_);
  store::Batch batch;
  auto part = std::make_shared<CommitPart>();
  auto outcome = [&]() -> Result<AppendResult> {
    Mailbox& from = *TRY(writable(from_id));
    Mailbox& to = *TRY(writable(to_id));
    if (!from.loaded) return fail(kWouldBlock, "the view is not in memory");
    std::vector<EmailId> emails;
    Tally tally;
    const auto judge = [&](const Entry& entry) {
      if (entry.uid >= from.shown.uid_next) return;
      emails.push_back(entry.email);
      tally.count(entry);
    };
    UidSet removed;
    removed.add(uid);
    if (has_pending(from_id))
      head_of(from).for_each(removed, judge);
    else
      from.draft.for_each(removed, judge);
    if (emails.empty()) return fail(kExpunged, "the message is not there any more");
    // RFC 8508 §3.4: only what is more than before counts.
    const std::uint64_t octets = copy_sizes(*item.content, {}).counted();
    const auto less = static_cast<std::uint64_t>(tally.octets);
    if (octets > less) TRY(check_room(octets - less, 0, OverQuota::refuse));
    TRY(check_space(to, 1));
    std::shared_ptr<const KeywordTable> table = to.keywords;
    KeywordSet used;
    NewEntry entry = TRY(new_entry(item, hits, table, used, batch, *part));
    keep_keywords(to, std::move(table), used, batch);
    part->modseq = next_modseq(batch);
    std::vector<Change> changes;
    forget_emails(emails, part->modseq, batch);
    remove_messages(from, removed, std::move(emails), tally, changes, batch, *part);
    AppendResult result{.uid_validity = to.info.uid_validity, .uids = {}, .modseq = part->modseq};
    result.uids = add_messages(to, {std::move(entry)}, changes, batch, *part);
    // As long as it is pending, what it adds more is what counts.
    part->adds = {};
    part->adds.octets = octets > less ? static_cast<std::int64_t>(octets - less) : 0;
    put_change(part->modseq, std::move(changes), batch);
    return result;
  }();
  if (!outcome) {
    forget_threads(*part);
    return done(std::move(outcome));
  }
  send(std::move(part), std::move(batch), answer(std::move(done), *std::move(outcome)));
}

io::Task<Result<AppendResult>> Account::replace(MailboxId from, Uid uid, MailboxId to, AppendItem item) {
  // A batch with a body may fail alone, on a full disk; what else is on its way builds on the removal.
  std::vector<AppendItem> items;
  items.push_back(std::move(item));
  items = CO_TRY(co_await set_aside(around_, std::move(items), 0));
  CO_TRY(co_await prepare(*items.front().content));
  const ThreadHits hits = CO_TRY(co_await find_threads(items.front().content->facts.threads));
  while (true) {
    CO_TRY(co_await loaded(from));
    io::CrossThread<AppendResult> answer;
    begin_replace(from, uid, to, items.front(), hits, answer.completion());
    auto outcome = co_await answer;
    if (!outcome && outcome.error().is(kWouldBlock)) continue;
    co_return outcome;
  }
}

}  // namespace angarium::mailbox
