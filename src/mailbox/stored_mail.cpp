#include "mailbox/stored_mail.h"

#include <algorithm>

#include "mailbox/body_reader.h"
#include "mailbox/keys.h"
#include "mailbox/record_opener.h"
#include "message/search_text.h"
#include "store/keys.h"

namespace angarium::mailbox {
namespace {

/// Keys asked for at a time: their values are whole email records.
constexpr std::size_t kAtOnce = 64;
/// Octets of a message that are read before its attachments are told apart: a chunk of the store.
constexpr std::uint64_t kTextsFirst = std::uint64_t{64} * 1024;

}  // namespace

Result<std::vector<StoredEmail>> stored_emails(store::Tablet& tablet, keyring::Keys* keys, AccountId account,
                                               EmailId after, std::size_t limit) {
  std::vector<StoredEmail> emails;
  RecordOpener opener(keys, account, store::Tier::any);
  Result<> outcome;
  TRY(tablet.scan(email_key(account, after + 1), store::after_prefix(Key(RecordKind::email, account)), {.limit = limit},
                  [&](std::string_view key, std::string_view value) {
                    const EmailId id = key_number(key, kAfterAccount, 8);
                    auto email = opener.email(id, std::string(value));
                    // A key that is not to be had is no damage: it may come back.
                    if (!email && !email.error().is(kDamaged)) {
                      outcome = std::unexpected(std::move(email).error());
                      return store::Step::stop;
                    }
                    emails.push_back({id, email ? *std::move(email) : nullptr});
                    return store::Step::next;
                  }));
  TRY(std::move(outcome));
  return emails;
}

Result<EmailPtr> stored_email(store::Tablet& tablet, keyring::Keys* keys, AccountId account, EmailId email) {
  auto record = TRY(tablet.get(email_key(account, email)));
  if (!record) return nullptr;
  return RecordOpener(keys, account, store::Tier::any).email(email, *std::move(record));
}

Result<> read_on(store::Tablet& tablet, const Email& email, std::uint64_t until, std::string& octets) {
  until = std::min<std::uint64_t>(until, email->size);
  const std::string_view prepended = email->prepended;
  if (octets.size() < std::min<std::uint64_t>(until, prepended.size()))
    octets += prepended.substr(octets.size(), static_cast<std::size_t>(until - octets.size()));
  if (octets.size() >= until) return {};
  return read_shown(tablet, email.view(), email.presentation(), octets.size() - prepended.size(),
                    static_cast<std::size_t>(until - octets.size()), store::Tier::any, octets);
}

Result<> read_texts(store::Tablet& tablet, const Email& email, const message::Structure& structure,
                    std::string& octets) {
  for (std::uint64_t wanted = kTextsFirst; octets.size() < wanted;) {
    TRY(read_on(tablet, email, wanted, octets));
    if (octets.size() < wanted) break;  // there are no more
    wanted = message::texts_end(octets, structure);
  }
  return {};
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
