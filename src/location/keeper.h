// Keeps an account's mailboxes and the boxes of its location the same.
//
// Both sides are changed by others at any time, and neither waits for the other: a mailbox answers its sessions from
// the own store, and its box those programs that read it. What both had in common when they last were the same is in
// the store (pairs.h), so that a comparison tells who changed what. Whatever a crash cuts off is done by the next one:
// a message comes here by the batch that pairs it; one that went there is found again by its octets.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/pool.h"
#include "io/task.h"
#include "location/open_box.h"
#include "location/pairs.h"
#include "mailbox/mailbox.h"

namespace angarium::location {

/// Times a mailbox is compared anew in one go, where others change its box meanwhile.
inline constexpr int kRoundsMax = 5;

/// What a settling did, in messages and mailboxes; and what it could not do.
struct Report {
  std::uint64_t brought = 0;   ///< from boxes into mailboxes
  std::uint64_t given = 0;     ///< the other way
  std::uint64_t expunged = 0;  ///< from mailboxes, because they left the box
  std::uint64_t removed = 0;   ///< from boxes
  std::uint64_t marked = 0;
  std::vector<std::string> troubles;  ///< a line for each box that stays as it is
  [[nodiscard]] bool changed() const { return brought + given + expunged + removed + marked > 0; }
};

/// Belongs to one loop; all it works with outlives it. One settle() at a time for each account.
class Keeper {
 public:
  Keeper(mailbox::MailboxStore& mail, store::Tablet& tablet, io::Pool& pool, box::Host host)
      : mail_(mail), tablet_(tablet), pool_(pool), host_(std::move(host)) {}

  /// Makes both sides the same. Cheap where nothing changed since the last time. kTrouble: the location cannot be
  /// reached, and nothing was changed; errors of the store.
  io::Task<Result<Report>> settle(mailbox::AccountId account, Location location);
  /// Forgets what it knows of the account besides the store's records.
  void forget(mailbox::AccountId account);

 private:
  struct Side;
  /// A mailbox and its box as they were when they were the same.
  struct Same {
    Stamp stamp;
    std::uint64_t version = 0;  ///< of the view
    std::string path;
  };

  io::Task<Result<std::vector<Kept>>> settle_boxes(Side& side);
  io::Task<Result<>> settle_kept(Side& side, const Kept& kept, std::vector<Kept>& boxes);
  io::Task<Result<>> rename_kept(Side& side, const Kept& kept, std::string name, std::vector<Kept>& boxes);
  io::Task<Result<>> lose_box(Side& side, const Kept& kept, const mailbox::MailboxInfo& info, std::vector<Kept>& boxes);
  io::Task<Result<>> drop_box(Side& side, const Kept& kept);
  io::Task<Result<>> settle_found(Side& side, std::vector<Kept>& boxes);
  io::Task<Result<>> settle_mailboxes(Side& side, std::vector<Kept>& boxes);
  io::Task<Result<>> settle_box(Side& side, const Kept& kept);
  io::Task<Result<bool>> round(Side& side, const Kept& kept);
  io::Task<Result<>> commit(store::Batch batch);

  mailbox::MailboxStore& mail_;
  store::Tablet& tablet_;
  io::Pool& pool_;
  box::Host host_;
  std::map<std::pair<mailbox::AccountId, mailbox::MailboxId>, Same> same_;
};

}  // namespace angarium::location
