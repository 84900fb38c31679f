#include "mailbox/stored_mail.h"

#include <algorithm>

#include "mailbox/body_reader.h"
#include "mailbox/keys.h"
#include "store/keys.h"

namespace angarium::mailbox {
namespace {

/// Keys asked for at a time: their values are whole email records.
constexpr std::size_t kAtOnce = 64;

}  // namespace

Result<std::vector<StoredEmail>> stored_emails(store::Tablet& tablet, AccountId account, EmailId after,
                                               std::size_t limit) {
  std::vector<StoredEmail> emails;
  TRY(tablet.scan(email_key(account, after + 1), store::after_prefix(Key(RecordKind::email, account)), {.limit = limit},
                  [&](std::string_view key, std::string_view value) {
                    const EmailId id = key_number(key, kAfterAccount, 8);
                    auto email = Email::make(id, std::string(value));
                    emails.push_back({id, email ? *std::move(email) : nullptr});
                    return store::Step::next;
                  }));
  return emails;
}

Result<std::string> stored_octets(store::Tablet& tablet, const Email& email, std::size_t max) {
  std::string out(email->prepended.substr(0, max));
  const std::uint64_t wanted = std::min<std::uint64_t>(email->size, max) - out.size();
  if (wanted != 0)
    TRY(read_shown(tablet, email->body, email.presentation(), 0, static_cast<std::size_t>(wanted), store::Tier::any,
                   out));
  return out;
}

Result<std::vector<bool>> stored_emails_there(store::Tablet& tablet, AccountId account,
                                              std::span<const EmailId> emails) {
  std::vector<bool> there;
  there.reserve(emails.size());
  for (std::size_t begin = 0; begin < emails.size(); begin += kAtOnce) {
    std::vector<Key> keys;
    for (const EmailId email : emails.subspan(begin, std::min(kAtOnce, emails.size() - begin)))
      keys.push_back(email_key(account, email));
    const std::vector<std::string_view> wanted(keys.begin(), keys.end());
    for (const auto& value : TRY(tablet.multi_get(wanted))) there.push_back(value.has_value());
  }
  return there;
}

Result<bool> stored_account(store::Tablet& tablet, AccountId account) {
  return TRY(tablet.get(account_key(account))).has_value();
}

Result<> each_stored_account(store::Tablet& tablet, const std::function<void(AccountId, EmailId)>& each) {
  const Key kind(RecordKind::account);
  const std::string from{std::string_view(kind)};
  std::vector<AccountId> accounts;
  TRY(tablet.scan(from, store::after_prefix(from), {}, [&](std::string_view key, std::string_view) {
    accounts.push_back(key_number(key, kAccountAt, 8));
    return store::Step::next;
  }));
  for (const AccountId account : accounts) {
    const Key emails(RecordKind::email, account);
    EmailId newest = 0;
    TRY(tablet.scan(emails, store::after_prefix(emails), {.limit = 1, .direction = store::Direction::backward},
                    [&](std::string_view key, std::string_view) {
                      newest = key_number(key, kAfterAccount, 8);
                      return store::Step::stop;
                    }));
    each(account, newest);
  }
  return {};
}

}  // namespace angarium::mailbox
