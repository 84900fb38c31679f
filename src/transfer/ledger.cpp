#include "transfer/ledger.h"

#include "store/keys.h"
#include "store/octets.h"

namespace angarium::transfer {
namespace {

/// Of the record; the mailbox follows.
constexpr char kVersion = 1;

}  // namespace

std::string ledger_key(mailbox::AccountId account, const Fingerprint& fingerprint) {
  return store::KeyWriter().u8(kKeyOctet).u64(account).rest(octets(fingerprint)).key();
}

void note_message(mailbox::AccountId account, const Fingerprint& fingerprint, mailbox::MailboxId mailbox,
                  store::Batch& batch) {
  const std::string key = ledger_key(account, fingerprint);
  std::string value(1, kVersion);
  store::append_varint(value, mailbox);
  batch.expect(key, std::nullopt);
  batch.put(key, value);
}

void erase_ledger(mailbox::AccountId account, store::Batch& batch) {
  const std::string from = store::KeyWriter().u8(kKeyOctet).u64(account).key();
  batch.erase_range(from, store::after_prefix(from));
}

}  // namespace angarium::transfer
