// Access control lists (RFC 4314) of a logged-in user's mailboxes, and copies into accounts of others.
#include "agent/imap_account.h"
#include "agent/imap_mailbox.h"
#include "protocol/imap/error.h"

namespace angarium::agent {
namespace {

namespace imap = protocol::imap;

}  // namespace

imap::Rights rights_of(const mailbox::MailboxInfo& info, const std::vector<std::string>& identifiers) {
  return info.access ? mailbox::rights_of(*info.access, identifiers) : imap::Rights{0};
}

imap::Rights ImapAccount::rights_in(const mailbox::MailboxInfo& info) const {
  if (guest_) return kGuestRights;
  return reader_ ? rights_of(info, reader_->identifiers) : imap::kAllRights;
}

io::Task<Result<imap::AccessList>> ImapAccount::access(std::string name) {
  CO_TRY(co_await renew());
  const mailbox::ListingPtr listing = mail_->listing();
  const mailbox::MailboxInfo* const info = listing->find(name);
  if (info == nullptr || !visible(name)) co_return fail(imap::kNonExistent, "There is no such mailbox");
  imap::AccessList list;
  if (!info->access) co_return list;
  for (const auto& [identifier, sense, rights] : *info->access) {
    const bool denied = sense == mailbox::AccessEntry::Sense::deny;
    list.push_back({identifier, denied ? imap::AccessLine::Sense::deny : imap::AccessLine::Sense::grant, rights});
  }
  co_return list;
}

io::Task<Result<void>> ImapAccount::set_access(std::string name, imap::AccessLine line, imap::AccessChange change) {
  CO_TRY(may_change());
  CO_TRY(co_await renew());
  const mailbox::ListingPtr listing = mail_->listing();
  const mailbox::MailboxInfo* const info = listing->find(name);
  if (info == nullptr) co_return fail(imap::kNonExistent, "There is no such mailbox");
  using Sense = mailbox::AccessEntry::Sense;
  auto set =
      co_await mail_->set_access(info->id,
                                 {.identifier = std::move(line.identifier),
                                  .sense = line.sense == imap::AccessLine::Sense::deny ? Sense::deny : Sense::grant,
                                  .rights = line.rights},
                                 change == imap::AccessChange::replace ? mailbox::AccessChange::replace
                                 : change == imap::AccessChange::add   ? mailbox::AccessChange::add
                                                                       : mailbox::AccessChange::remove);
  if (!set) co_return std::unexpected(imap_error(std::move(set).error()));
  co_return Result<void>();
}

imap::Rights ImapMailbox::rights() const {
  if (copies_ == Copies::refused) return kGuestRights;
  if (reader_.empty()) return imap::kAllRights;
  const mailbox::ListingPtr listing = mail_->listing();
  const mailbox::MailboxInfo* const info = listing->find(info_.id);
  return info == nullptr ? imap::Rights{0} : rights_of(*info, reader_);
}

io::Task<Result<imap::CopyOutcome>> ImapMailbox::copy_to(imap::NumberSet uids, imap::Account& account,
                                                         std::string target, imap::CopyMode mode,
                                                         imap::KeptFlags kept) {
  if (copies_ == Copies::refused) co_return fail(imap::kNoPermission, "Guests change nothing");
  if (mode == imap::CopyMode::move && facts_.access == imap::Access::read_only)
    co_return fail(imap::kReadOnly, "The mailbox is open read-only");
  // All accounts of a session are of this house.
  const mailbox::AccountMailPtr other = CO_TRY(co_await static_cast<ImapAccount&>(account).mail());
  const mailbox::ListingPtr listing = other->listing();
  const mailbox::MailboxInfo* const to = listing->find(target);
  if (to == nullptr || !to->selectable) co_return fail(imap::kTryCreate, "There is no such mailbox");
  auto copied = co_await mail_->copy_to(info_.id, uid_set(uids), other, to->id,
                                        {.system = kept.system, .keywords = kept.keywords});
  if (!copied) co_return std::unexpected(imap_error(std::move(copied).error()));
  imap::CopyOutcome outcome{
      .uid_validity = copied->uid_validity, .from = imap_set(copied->source), .to = imap_set(copied->target)};
  if (mode == imap::CopyMode::move && !copied->source.empty()) {
    auto gone = co_await mail_->expunge(info_.id, copied->source, mailbox::ExpungeOnly::any);
    if (!gone) outcome.not_removed = imap_error(std::move(gone).error());
  }
  co_return outcome;
}

}  // namespace angarium::agent
