// Annotations of mailboxes and of the account (RFC 5464).
#include <algorithm>
#include <set>

#include "mailbox/account.h"
#include "store/keys.h"

namespace angarium::mailbox {

std::vector<Metadata> Account::metadata(MailboxId mailbox, MetadataOwner owner) const {
  const std::lock_guard lock(mutex_);
  std::vector<Metadata> found;
  if (removed_) return found;
  for (auto at = metadata_.lower_bound({mailbox, owner, {}}); at != metadata_.end(); ++at) {
    const auto& [of, whose, name] = at->first;
    if (of != mailbox || whose != owner) break;
    found.push_back({name, at->second});
  }
  return found;
}

std::uint64_t Account::metadata_seen() const {
  const std::lock_guard lock(mutex_);
  return metadata_told_;
}

MetadataNews Account::metadata_news(std::uint64_t seen) const {
  const std::lock_guard lock(mutex_);
  MetadataNews news{.changes = {}, .seen = metadata_told_};
  // After the account was loaded anew the count begins again.
  const std::uint64_t fresh =
      std::min<std::uint64_t>(seen <= metadata_told_ ? metadata_told_ - seen : metadata_told_, metadata_news_.size());
  news.changes.assign(metadata_news_.end() - static_cast<std::ptrdiff_t>(fresh), metadata_news_.end());
  return news;
}

void Account::put_metadata(MetadataMap& map, MailboxId mailbox, const MetadataItem& item) {
  MetadataPlace place{mailbox, item.owner, item.entry.name};
  if (item.entry.value)
    map.insert_or_assign(std::move(place), item.entry.value);
  else
    map.erase(place);
}

void Account::forget_metadata(MetadataMap& map, MailboxId mailbox) {
  map.erase(map.lower_bound({mailbox, 0, {}}), map.lower_bound({mailbox + 1, 0, {}}));
}

Result<> Account::check_metadata(const MetadataMap& map, MailboxId mailbox, MetadataOwner owner) {
  std::size_t entries = 0;
  std::size_t octets = 0;
  for (const auto& [place, value] : map) {
    const auto& [of, whose, name] = place;
    if (whose != owner) continue;
    octets += name.size() + value->size();
    entries += of == mailbox ? 1 : 0;
  }
  if (entries > kMetadataEntriesMax || octets > kMetadataOctetsMax)
    return fail(kMetadataTooMany, "there are too many annotations");
  return {};
}

void Account::show_metadata(MailboxId mailbox, const std::vector<MetadataItem>& items, std::uint64_t author) {
  for (const MetadataItem& item : items) {
    put_metadata(metadata_, mailbox, item);
    metadata_news_.push_back({mailbox, item.owner, item.entry.name, author});
    ++metadata_told_;
    if (metadata_news_.size() > kMetadataNewsMax) metadata_news_.pop_front();
  }
}

void Account::begin_metadata(MailboxId mailbox, std::vector<MetadataItem> items, std::uint64_t author, Done<> done) {
  const std::lock_guard lock(mutex_);
  store::Batch batch;
  auto begun = [&]() -> Result<> {
    TRY(usable());
    // Also of names that hold no messages (RFC 5464 §4.1).
    if (mailbox != 0 && TRY(find(mailbox))->doomed) return fail(kNoMailbox, "the mailbox is being deleted");
    std::set<MetadataOwner> grown;
    for (const MetadataItem& item : items) {
      if (item.entry.name.empty() || item.entry.name.size() > kMetadataNameMax)
        return fail(kBadName, "no annotation can have that name");
      if (item.entry.value && item.entry.value->size() > kMetadataValueMax)
        return fail(kMetadataTooLong, "the annotation is too long");
      if (item.entry.value) grown.insert(item.owner);
    }
    MetadataMap head = head_metadata_;
    for (const MetadataItem& item : items) put_metadata(head, mailbox, item);
    for (const MetadataOwner owner : grown) TRY(check_metadata(head, mailbox, owner));
    head_metadata_ = std::move(head);
    return {};
  }();
  if (!begun || items.empty()) return done(std::move(begun));
  for (const MetadataItem& item : items) {
    const std::string key = metadata_key(id_, mailbox, item.owner, item.entry.name);
    if (item.entry.value)
      batch.put(key, *item.entry.value);
    else
      batch.erase(key);
  }
  auto part = std::make_shared<CommitPart>();
  part->effect = [this, mailbox, items = std::move(items), author] { show_metadata(mailbox, items, author); };
  dispatch(std::move(part), std::move(batch), std::move(done));
}

io::Task<Result<>> Account::set_metadata(MailboxId mailbox, std::vector<MetadataItem> items, std::uint64_t author) {
  io::CrossThread<> answer;
  begin_metadata(mailbox, std::move(items), author, answer.completion());
  co_return co_await answer;
}

/// What belonged to a mailbox goes with it.
void Account::remove_metadata(MailboxId mailbox, Tree& tree) {
  const Key prefix = metadata_prefix(id_, mailbox);
  tree.batch.erase_range(prefix, store::after_prefix(prefix));
  forget_metadata(head_metadata_, mailbox);
  tree.effects.push_back([this, mailbox] { forget_metadata(metadata_, mailbox); });
}

/// RFC 5464 §4.1: RENAME of INBOX leaves its annotations and gives them to the new mailbox, too. Of an owner who would
/// have more than is permitted by that the new one has none.
void Account::copy_metadata(MailboxId from, MailboxId to, Tree& tree) {
  std::map<MetadataOwner, std::vector<MetadataItem>> owners;
  for (auto at = head_metadata_.lower_bound({from, 0, {}}); at != head_metadata_.end(); ++at) {
    const auto& [of, owner, name] = at->first;
    if (of != from) break;
    owners[owner].push_back({owner, {name, at->second}});
  }
  for (const auto& [owner, items] : owners) {
    if (owner == kUrlKeys) continue;  // a mailbox has a key of its own
    MetadataMap head = head_metadata_;
    for (const MetadataItem& item : items) put_metadata(head, to, item);
    if (!check_metadata(head, to, owner)) continue;
    head_metadata_ = std::move(head);
    for (const MetadataItem& item : items) {
      tree.batch.put(metadata_key(id_, to, owner, item.entry.name), *item.entry.value);
      tree.effects.push_back([this, to, item] { put_metadata(metadata_, to, item); });
    }
  }
}

}  // namespace angarium::mailbox
