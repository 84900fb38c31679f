// The access control lists of an account's mailboxes (RFC 4314).
#include "mailbox/account.h"

namespace angarium::mailbox {

void Account::put_access(const Mailbox& mailbox, store::Batch& batch) const {
  if (mailbox.head_access)
    batch.put(access_key(id_, mailbox.info.id), encode_access(*mailbox.head_access));
  else
    batch.erase(access_key(id_, mailbox.info.id));
}

void Account::tell_sharing() {
  std::set<std::string, std::less<>> identifiers;
  for (const auto& [id, mailbox] : mailboxes_) {
    if (!mailbox->visible || !mailbox->info.access) continue;
    for (const AccessEntry& entry : *mailbox->info.access)
      if (entry.sense == AccessEntry::Sense::grant) identifiers.insert(entry.identifier);
  }
  around_.sharing.set(id_, std::move(identifiers));
}

void Account::begin_access(MailboxId id, const AccessEntry& entry, AccessChange change, Done<> done) {
  const std::lock_guard lock(mutex_);
  store::Batch batch;
  AccessListPtr access;
  auto begun = [&]() -> Result<> {
    TRY(usable());
    Mailbox* const mailbox = TRY(find(id));
    if (mailbox->doomed) return fail(kNoMailbox, "the mailbox is being deleted");
    if (entry.identifier.empty() || entry.identifier.size() > kAccessIdentifierMax)
      return fail(kBadName, "no identifier can be that");
    AccessList list = changed(mailbox->head_access ? *mailbox->head_access : AccessList(), entry, change);
    if (list.size() > kAccessEntriesMax) return fail(kTooMany, "the access control list is too long");
    if (!list.empty()) access = std::make_shared<const AccessList>(std::move(list));
    mailbox->head_access = access;
    put_access(*mailbox, batch);
    return {};
  }();
  if (!begun) return done(std::move(begun));
  auto part = std::make_shared<CommitPart>();
  part->listing_changed = true;
  part->effect = [this, id, access = std::move(access)] {
    const auto at = mailboxes_.find(id);
    if (at == mailboxes_.end()) return;
    at->second->info.access = access;
    tell_sharing();
  };
  dispatch(std::move(part), std::move(batch), std::move(done));
}

io::Task<Result<>> Account::set_access(MailboxId mailbox, AccessEntry entry, AccessChange change) {
  io::CrossThread<> answer;
  begin_access(mailbox, entry, change, answer.completion());
  co_return co_await answer;
}

}  // namespace angarium::mailbox
