// The store's record of what a mailbox and its box have in common.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "location/location.h"
#include "location/merge.h"
#include "store/tablet.h"

namespace angarium::location {

/// All keys of the room begin with this octet; account and mailbox follow. Of the account alone: that it has moved in.
/// Of the mailbox alone: the box's path. With a UID: a pair.
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
/// `names`: of the pair's keywords.
void note_pair(mailbox::AccountId account, mailbox::MailboxId mailbox, const Pair& pair, store::Batch& batch,
               const KeywordNames& names = {});
void forget_pair(mailbox::AccountId account, mailbox::MailboxId mailbox, mailbox::Uid uid, store::Batch& batch);
/// Forgets all of an account: it is removed, or its boxes and mailboxes are compared as if for the first time.
void erase_account(mailbox::AccountId account, store::Batch& batch);

/// An account's mail lies in the own store alone from `at` on: boxes are not written to any more, and pairs tell what
/// came out of them.
struct MovedIn {
  std::string location;  ///< as format_location() has it: another place of the account is in place
  WallTime at;
  [[nodiscard]] bool is_from(const Location& place) const { return location == route::format_location(place); }
};
void note_moved_in(mailbox::AccountId account, const MovedIn& moved, store::Batch& batch);

/// The following read, and may wait for the disk. kTrouble: a record is not in the form it was written in.
Result<std::optional<MovedIn>> moved_in(store::Tablet& tablet, mailbox::AccountId account);
/// Of all accounts that have.
Result<std::map<mailbox::AccountId, MovedIn>> all_moved_in(store::Tablet& tablet);
Result<std::vector<Kept>> kept_boxes(store::Tablet& tablet, mailbox::AccountId account);
/// Ascending by UID; with those of their keywords that have names (Pair::had_others tells that there were more).
Result<std::vector<Pair>> pairs_of(store::Tablet& tablet, mailbox::AccountId account, mailbox::MailboxId mailbox,
                                   const KeywordNames& names = {});

}  // namespace angarium::location
