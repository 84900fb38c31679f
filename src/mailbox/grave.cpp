#include "mailbox/grave.h"

#include "mailbox/email.h"
#include "mailbox/keys.h"
#include "mailbox/record.h"

namespace angarium::mailbox {

namespace {

struct Grave {
  std::string key;
  AccountId account = 0;
  std::vector<EmailId> emails;
};

Result<std::optional<Grave>> next_grave(store::Tablet& tablet, std::int64_t now_seconds) {
  std::optional<Grave> found;
  Result<> outcome;
  TRY(tablet.scan(Key(RecordKind::grave), Key(RecordKind::grave).u64(static_cast<std::uint64_t>(now_seconds) + 1),
                  {.limit = 1}, [&](std::string_view key, std::string_view value) {
                    auto emails = decode_emails(value);
                    if (emails)
                      found = Grave{std::string(key), key_number(key, 10, 8), *std::move(emails)};
                    else
                      outcome = std::unexpected(std::move(emails).error());
                    return store::Step::stop;
                  }));
  TRY(std::move(outcome));
  return found;
}

/// The keys this email put into the account's table, where they still lead to its thread.
Result<> erase_email(store::Tablet& tablet, AccountId account, const EmailView& email, store::Batch& batch) {
  for (std::size_t at = 0; at + 8 <= email.thread_keys.size(); at += 8) {
    std::uint64_t hash = 0;
    for (std::size_t i = 0; i < 8; ++i)
      hash |= static_cast<std::uint64_t>(static_cast<unsigned char>(email.thread_keys[at + i])) << (8 * i);
    const auto thread = TRY(tablet.get(message_id_key(account, hash)));
    if (thread && TRY(decode_number(*thread)) == email.thread) batch.erase(message_id_key(account, hash));
  }
  if (email.thread != email.id) batch.erase(thread_key(account, email.thread, email.id));
  batch.erase(email_key(account, email.id));
  return {};
}

}  // namespace

Result<std::optional<store::Batch>> empty_grave(store::Tablet& tablet, std::int64_t now_seconds) {
  auto grave = TRY(next_grave(tablet, now_seconds));
  if (!grave) return std::nullopt;
  std::optional<store::Batch> batch(std::in_place);
  for (const EmailId id : grave->emails) {
    // It is not there if its account was removed, or its delivery was refused while its mailbox was deleted.
    const auto record = TRY(tablet.get(email_key(grave->account, id)));
    if (record) {
      const EmailView email = TRY(decode_email(id, *record));
      TRY(erase_email(tablet, grave->account, email, *batch));
    }
    if (batch->metadata_size() > store::kBatchMetadataMax / 2) {
      // The rest is found again by the same record.
      return batch;
    }
  }
  batch->erase(grave->key);
  return batch;
}

}  // namespace angarium::mailbox
