// What came in before: a record in the store for each message that was imported, written by the batch that brought it.
#pragma once

#include <string>

#include "mailbox/types.h"
#include "store/batch.h"
#include "transfer/fingerprint.h"

namespace angarium::transfer {

/// All keys of the room begin with this octet; account and fingerprint follow.
inline constexpr unsigned char kKeyOctet = 'i';

std::string ledger_key(mailbox::AccountId account, const Fingerprint& fingerprint);
/// Expects that the message did not come in before, and notes that it did.
void note_message(mailbox::AccountId account, const Fingerprint& fingerprint, mailbox::MailboxId mailbox,
                  store::Batch& batch);
/// Notes a further name of a message that comes in, or of what else is to be known again.
void note_name(mailbox::AccountId account, const Fingerprint& fingerprint, mailbox::MailboxId mailbox,
               store::Batch& batch);
/// Forgets all of an account, as when it is removed.
void erase_ledger(mailbox::AccountId account, store::Batch& batch);

}  // namespace angarium::transfer
