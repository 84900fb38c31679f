// The store's record of what a mailbox and its box have in common.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "location/merge.h"
#include "store/tablet.h"

namespace angarium::location {

/// All keys of the room begin with this octet; account and mailbox follow. Of the mailbox alone: the box's path. With a
/// UID: a pair.
inline constexpr unsigned char kKeyOctet = 'l';

/// A mailbox that has a box.
struct Kept {
  mailbox::MailboxId mailbox = 0;
  std::string path;
  std::uint64_t identity = 0;  ///< of the box that was last the same (Stamp::identity); 0: none was yet
};

void note_box(mailbox::AccountId account, const Kept& kept, store::Batch& batch);
/// Its pairs, too.
void forget_box(mailbox::AccountId account, mailbox::MailboxId mailbox, store::Batch& batch);
void note_pair(mailbox::AccountId account, mailbox::MailboxId mailbox, const Pair& pair, store::Batch& batch);
void forget_pair(mailbox::AccountId account, mailbox::MailboxId mailbox, mailbox::Uid uid, store::Batch& batch);
/// Forgets all of an account, as when it is removed or its mail lies in the own store alone from now on.
void erase_account(mailbox::AccountId account, store::Batch& batch);

/// The following read, and may wait for the disk. kTrouble: a record is not in the form it was written in.
Result<std::vector<Kept>> kept_boxes(store::Tablet& tablet, mailbox::AccountId account);
/// Ascending by UID.
Result<std::vector<Pair>> pairs_of(store::Tablet& tablet, mailbox::AccountId account, mailbox::MailboxId mailbox);

}  // namespace angarium::location
