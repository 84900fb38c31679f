// The keys that sign URLs of mailboxes (RFC 4467 §2.2). Their records are those of annotations without an owner.
#include "mailbox/account.h"

namespace angarium::mailbox {

std::optional<std::string> Account::url_key(MailboxId mailbox) const {
  const std::lock_guard lock(mutex_);
  const auto at = metadata_.find(url_key_place(mailbox));
  if (removed_ || at == metadata_.end()) return std::nullopt;
  return *at->second;
}

std::uint64_t Account::url_keys_removed(MailboxId mailbox) const {
  const std::lock_guard lock(mutex_);
  const auto at = url_keys_removed_.find(mailbox);
  return at == url_keys_removed_.end() ? 0 : at->second;
}

void Account::begin_make_url_key(MailboxId id, std::string fresh, Done<std::string> done) {
  const std::lock_guard lock(mutex_);
  auto begun = [&]() -> Result<> {
    TRY(usable());
    if (TRY(find(id))->doomed) return fail(kNoMailbox, "the mailbox is being deleted");
    return {};
  }();
  if (!begun) return done(std::unexpected(begun.error()));
  const auto place = url_key_place(id);
  auto part = std::make_shared<CommitPart>();
  // Another session was quicker: its key is the one, once it is durable.
  if (const auto at = head_metadata_.find(place); at != head_metadata_.end())
    return send(std::move(part), {}, answer(std::move(done), *at->second));
  const auto key = std::make_shared<const std::string>(fresh);
  head_metadata_.insert_or_assign(place, key);
  store::Batch batch;
  batch.put(metadata_key(id_, id, kUrlKeys, std::get<2>(place)), *key);
  part->effect = [this, place, key] { metadata_.insert_or_assign(place, key); };
  dispatch(std::move(part), std::move(batch), answer(std::move(done), std::move(fresh)));
}

void Account::begin_remove_url_keys(std::optional<MailboxId> id, Done<> done) {
  const std::lock_guard lock(mutex_);
  auto begun = [&]() -> Result<> {
    TRY(usable());
    if (id) TRY(find(*id));
    return {};
  }();
  if (!begun) return done(std::move(begun));
  store::Batch batch;
  auto part = std::make_shared<CommitPart>();
  for (const auto& [mailbox, owner] : mailboxes_) {
    const auto place = url_key_place(mailbox);
    if ((id && *id != mailbox) || head_metadata_.erase(place) == 0) continue;
    batch.erase(metadata_key(id_, mailbox, kUrlKeys, std::get<2>(place)));
    part->touched.push_back(mailbox);
  }
  if (part->touched.empty()) return send(std::move(part), {}, std::move(done));
  part->effect = [this, touched = part->touched] {
    for (const MailboxId mailbox : touched) {
      metadata_.erase(url_key_place(mailbox));
      ++url_keys_removed_[mailbox];
    }
  };
  dispatch(std::move(part), std::move(batch), std::move(done));
}

io::Task<Result<std::string>> Account::make_url_key(MailboxId mailbox, std::string fresh) {
  io::CrossThread<std::string> answer;
  begin_make_url_key(mailbox, std::move(fresh), answer.completion());
  co_return co_await answer;
}

io::Task<Result<>> Account::remove_url_keys(std::optional<MailboxId> mailbox) {
  io::CrossThread<> answer;
  begin_remove_url_keys(mailbox, answer.completion());
  co_return co_await answer;
}

}  // namespace angarium::mailbox
