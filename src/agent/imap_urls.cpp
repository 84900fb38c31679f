// URLs that authorise (RFC 4467): whose they are, and the keys that sign them.
#include "agent/imap_account.h"
#include "base/random.h"
#include "base/text.h"
#include "protocol/imap/error.h"
#include "protocol/imap/limits.h"

namespace angarium::agent {

namespace imap = protocol::imap;

bool ImapAccount::is_user(std::string_view name) const {
  return !guest_ && (equals_ignore_case(name, address_) || (!login_.empty() && equals_ignore_case(name, login_)));
}

io::Task<Result<std::shared_ptr<imap::Account>>> ImapAccount::of_user(std::string name) {
  auto account = CO_TRY(co_await services_.verifier().known(name));
  if (!account || account->status == account::Status::disabled)
    co_return fail(imap::kNonExistent, "There is no such user");
  auto mail = co_await services_.mail().account(account->id);
  if (!mail) co_return std::unexpected(imap_error(std::move(mail).error()));
  co_return std::make_shared<ImapAccount>(services_, budget_, append_limit_, account->address, std::move(name),
                                          *std::move(mail));
}

Result<mailbox::MailboxId> ImapAccount::signed_for(const std::string& name) const {
  const mailbox::ListingPtr listing = mail_->listing();
  const mailbox::MailboxInfo* const info = listing->find(name);
  if (info == nullptr || !info->selectable) return fail(imap::kNonExistent, "There is no such mailbox");
  return info->id;
}

io::Task<Result<std::optional<std::string>>> ImapAccount::url_key(std::string name) {
  CO_TRY(co_await renew());
  co_return mail_->url_key(CO_TRY(signed_for(name)));
}

io::Task<Result<std::string>> ImapAccount::make_url_key(std::string name) {
  CO_TRY(may_change());
  CO_TRY(co_await renew());
  const mailbox::MailboxId mailbox = CO_TRY(signed_for(name));
  // Mostly there is one, and nothing is to be written.
  if (auto known = mail_->url_key(mailbox)) co_return *std::move(known);
  auto key = co_await mail_->make_url_key(mailbox, system_random().octets(imap::kUrlKeyOctets));
  if (!key) co_return std::unexpected(imap_error(std::move(key).error()));
  co_return *std::move(key);
}

io::Task<Result<void>> ImapAccount::remove_url_keys(std::optional<std::string> name) {
  CO_TRY(may_change());
  CO_TRY(co_await renew());
  std::optional<mailbox::MailboxId> mailbox;
  if (name) mailbox = CO_TRY(annotated(*name));
  auto removed = co_await mail_->remove_url_keys(mailbox);
  if (!removed) co_return std::unexpected(imap_error(std::move(removed).error()));
  co_return Result<void>();
}

}  // namespace angarium::agent
