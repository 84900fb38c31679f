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
  batch.expect(ledger_key(account, fingerprint), std::nullopt);
  note_name(account, fingerprint, mailbox, batch);
}

void note_name(mailbox::AccountId account, const Fingerprint& fingerprint, mailbox::MailboxId mailbox,
               store::Batch& batch) {
  std::string value(1, kVersion);
  store::append_varint(value, mailbox);
  batch.put(ledger_key(account, fingerprint), value);
}

void erase_ledger(mailbox::AccountId account, store::Batch& batch) {
  const std::string from = store::KeyWriter().u8(kKeyOctet).u64(account).key();
  batch.erase_range(from, store::after_prefix(from));
}

}  // namespace angarium::transfer
