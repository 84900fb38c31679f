// Keeps an account's mailboxes and the boxes of its location the same.
//
// Both sides are changed by others at any time, and neither waits for the other: a mailbox answers its sessions from
// the own store, and its box those programs that read it. What both had in common when they last were the same is in
// the store (pairs.h), so that a comparison tells who changed what. Whatever a crash cuts off is done by the next one:
// a message comes here by the batch that pairs it; one that went there is found again by its octets.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "io/pool.h"
#include "io/task.h"
#include "location/boxes.h"
#include "location/pairs.h"
#include "mailbox/mailbox.h"

namespace angarium::location {

/// Times a mailbox is compared anew in one go, where others change its box meanwhile.
inline constexpr int kRoundsMax = 5;

/// Troubles of a settling that are told one by one: others fill boxes with what cannot be read, and who looks after
/// them reads no more lines than these.
inline constexpr std::size_t kTroublesTold = 20;

/// Times an account is looked at until it moves in; where boxes are written to all the time, the rest comes afterwards.
inline constexpr int kLooksMax = 10;

/// Mailboxes without a possible box that a report names: enough to see what they have in common.
inline constexpr std::size_t kWithoutBoxTold = 8;

/// What a settling did, in messages and mailboxes; and what it could not do.
struct Report {
  std::uint64_t brought = 0;   ///< from boxes into mailboxes
  std::uint64_t given = 0;     ///< the other way
  std::uint64_t expunged = 0;  ///< from mailboxes, because they left the box
  std::uint64_t removed = 0;   ///< from boxes
  std::uint64_t marked = 0;
  std::vector<std::string> troubles;   ///< a line for each box or message that stays as it is, kTroublesTold at most
  std::uint64_t further_troubles = 0;  ///< those without a line
  /// Messages that stay in their box for their size (kMessageMax), by its path; of boxes that were looked at.
  std::map<std::string, std::size_t> too_large;
  /// Keywords that stay here alone, for their box has no room for their names, by its path. That is no trouble.
  std::map<std::string, std::string> keywords_left;
  /// Mailboxes that lie here alone, kWithoutBoxTold of them: no box of the place can have their names, as with a dot in
  /// a Maildir++. That is no trouble, but news to who expects them there.
  std::set<std::string> without_box;
  /// The account has moved in: nothing was looked at.
  bool moved_in = false;
  /// Keeps the line, or counts it.
  void trouble(std::string line);
  void add(Report&& other);
  [[nodiscard]] bool changed() const { return brought + given + expunged + removed + marked > 0; }
  [[nodiscard]] bool troubled() const { return !troubles.empty(); }
};

/// A box as moving in would find it.
struct Surveyed {
  std::string mailbox;
  std::string path;
  bool exists = false;  ///< the mailbox
  std::size_t messages = 0;
  std::size_t known = 0;  ///< of them: came out of it before
  std::size_t too_large = 0;
  std::string trouble{};  ///< why it cannot be read
};

/// Told how many messages were brought so far.
using Told = std::function<void(std::uint64_t brought)>;

/// Belongs to one loop; all it works with outlives it. One of its tasks at a time for each account.
class Keeper {
 public:
  Keeper(mailbox::MailboxStore& mail, store::Tablet& tablet, io::Pool& pool, Boxes& boxes)
      : mail_(mail), tablet_(tablet), pool_(pool), boxes_(boxes) {}

  /// Makes both sides the same. Cheap where nothing changed since the last time. kTrouble: the location cannot be
  /// reached, and nothing was changed; errors of the store.
  /// Does nothing for an account that has moved in from there; where it had done so from another place, it is in place
  /// again with this one, as at a first look.
  io::Task<Result<Report>> settle(mailbox::AccountId account, Location location, Told told = {});

  /// Settles until there is nothing to do, and then makes it durable that the account's mail lies in the own store
  /// alone from now on: its boxes stay as they are. Of one that has moved in already it brings what others put into its
  /// boxes since, each message once. kTrouble: the account stays in place, for some of its boxes are not the same as
  /// its mailboxes.
  io::Task<Result<Report>> move_in(mailbox::AccountId account, Location location, WallTime now, Told told = {});
  /// The account lies in place again: both sides are merged as at a first look. kTrouble: the location cannot be
  /// reached, and nothing is another than before.
  io::Task<Result<Report>> move_out(mailbox::AccountId account, Location location, Told told = {});
  /// What lies in the boxes, and what of it is known here. Changes nothing.
  io::Task<Result<std::vector<Surveyed>>> survey(mailbox::AccountId account, Location location);
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

  /// move: an mbox of INBOX that is not there in a folder that is, as a reader leaves it who took all, is no trouble:
  /// what lay there is here, and goes on lying here.
  enum class Purpose : std::uint8_t { keep, move };
  io::Task<Result<Report>> settle(mailbox::AccountId account, Location location, Told told, Purpose purpose);
  io::Task<Result<std::vector<Kept>>> settle_boxes(Side& side);
  io::Task<Result<>> settle_kept(Side& side, const Kept& kept, std::vector<Kept>& boxes);
  io::Task<Result<>> rename_kept(Side& side, const Kept& kept, std::string name, std::vector<Kept>& boxes);
  io::Task<Result<>> lose_box(Side& side, const Kept& kept, const mailbox::MailboxInfo& info, std::vector<Kept>& boxes);
  io::Task<Result<bool>> is_taken(const Side& side, const Kept& kept);
  io::Task<Result<>> drop_box(Side& side, const Kept& kept);
  io::Task<Result<>> settle_found(Side& side, std::vector<Kept>& boxes);
  io::Task<Result<>> settle_mailboxes(Side& side, std::vector<Kept>& boxes);
  io::Task<Result<>> settle_box(Side& side, const Kept& kept);
  io::Task<Result<bool>> round(Side& side, const Kept& kept);
  io::Task<Result<Side>> begin(mailbox::AccountId account, Location location, Told told);
  io::Task<Result<Report>> bring_since(mailbox::AccountId account, Location location, Told told);
  io::Task<Result<>> bring_box(Side& side, const Found& found);
  io::Task<Result<std::optional<Kept>>> take_up(Side& side, const Found& found, const Kept* before);
  io::Task<Result<mailbox::MailboxId>> mailbox_for(Side& side, const Found& found);
  io::Task<Result<>> carry_pairs(Side& side, const Kept& from, const Kept& to);
  io::Task<Result<>> commit(store::Batch batch);
  /// For what is done with boxes.
  io::Pool& threads_for(const Location& location) {
    io::Pool* const theirs = boxes_.threads(location);
    return theirs == nullptr ? pool_ : *theirs;
  }

  mailbox::MailboxStore& mail_;
  store::Tablet& tablet_;
  io::Pool& pool_;
  Boxes& boxes_;
  std::map<std::pair<mailbox::AccountId, mailbox::MailboxId>, Same> same_;
};

}  // namespace angarium::location
