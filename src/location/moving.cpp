// Accounts that move from their place into the own store, and back.
#include <algorithm>
#include <limits>

#include "location/side.h"

namespace angarium::location {
namespace {

std::string words_of(const Report& report) {
  std::string words;
  for (const std::string& line : report.troubles) words += (words.empty() ? "" : "; ") + line;
  if (report.further_troubles > 0) words += "; and " + std::to_string(report.further_troubles) + " more";
  return words;
}

/// Added to what was brought before.
Told behind(const Told& told, std::uint64_t before) {
  if (!told) return {};
  return [told, before](std::uint64_t brought) { told(before + brought); };
}

/// Messages of the box that no pair tells of.
Result<std::size_t> count_unknown(const OpenBox& box, store::Tablet& tablet, mailbox::AccountId account,
                                  mailbox::MailboxId mailbox) {
  return merge(TRY(pairs_of(tablet, account, mailbox)), {}, box.messages()).bring.size();
}

/// One record for each path. Where carrying pairs was cut off there are two, and the one with more pairs knows what the
/// other does: that is begun with what the first has, and the first goes with the end of it.
Result<std::vector<Kept>> known_boxes(store::Tablet& tablet, mailbox::AccountId account) {
  std::vector<Kept> all;
  for (Kept& one : TRY(kept_boxes(tablet, account))) {
    const auto other = std::ranges::find(all, one.path, &Kept::path);
    if (other == all.end())
      all.push_back(std::move(one));
    else if (TRY(pairs_of(tablet, account, one.mailbox)).size() > TRY(pairs_of(tablet, account, other->mailbox)).size())
      *other = std::move(one);
  }
  return all;
}

const Kept* find_path(const std::vector<Kept>& boxes, const std::string& path) {
  const auto found = std::ranges::find(boxes, path, &Kept::path);
  return found == boxes.end() ? nullptr : &*found;
}

/// Null where there is none that holds mail.
const mailbox::MailboxInfo* find_mailbox(const mailbox::Listing& listing, mailbox::MailboxId id) {
  const mailbox::MailboxInfo* const info = listing.find(id);
  return info != nullptr && info->selectable ? info : nullptr;
}

}  // namespace

io::Task<Result<Report>> Keeper::move_in(mailbox::AccountId account, Location location, WallTime now, Told told) {
  // All boxes are read, whatever is known of when they were written to.
  forget(account);
  Report all;
  for (int look = 0; look < kLooksMax; ++look) {
    Report report = CO_TRY(co_await settle(account, location, behind(told, all.brought), Purpose::move));
    if (report.moved_in) co_return co_await bring_since(account, std::move(location), std::move(told));
    if (report.troubled())
      co_return fail(kTrouble, "the account stays in place, for its boxes and mailboxes are not the same: " +
                                   words_of(report) + "; mend that and type the command again");
    const bool same = !report.changed();
    all.add(std::move(report));
    // Of one that others write to all the time, what was there is here by now.
    if (same) break;
  }
  // From here on nothing is written to the boxes. What others put there since the last look has no pair.
  store::Batch batch;
  note_moved_in(account, {route::format_location(location), now}, batch);
  CO_TRY(co_await commit(std::move(batch)));
  forget(account);
  all.moved_in = true;
  co_return all;
}

io::Task<Result<Report>> Keeper::move_out(mailbox::AccountId account, Location location, Told told) {
  CO_TRY(co_await begin(account, location, {}));
  forget(account);
  // Whether it was removed here or there since, mail that one side still has is no mail to be removed: no pair tells
  // that the other had it.
  store::Batch batch;
  erase_account(account, batch);
  CO_TRY(co_await commit(std::move(batch)));
  Report all;
  for (int look = 0; look < kLooksMax; ++look) {
    auto report = co_await settle(account, location, behind(told, all.brought));
    if (!report) {
      // It is in place by now, and the next look goes on.
      all.trouble(report.error().text());
      break;
    }
    const bool over = report->troubled() || !report->changed();
    all.add(*std::move(report));
    if (over) break;
  }
  co_return all;
}

io::Task<Result<std::vector<Surveyed>>> Keeper::survey(mailbox::AccountId account, Location location) {
  const Side side = CO_TRY(co_await begin(account, std::move(location), {}));
  const auto known =
      CO_TRY(co_await io::run(pool_, [&tablet = tablet_, account] { return known_boxes(tablet, account); }));
  const mailbox::ListingPtr listing = side.mail->listing();
  std::vector<Surveyed> all;
  for (const Found& found : side.found) {
    const Kept* const kept = find_path(known, found.path);
    const mailbox::MailboxInfo* const info =
        kept != nullptr ? find_mailbox(*listing, kept->mailbox) : listing->find(found.mailbox);
    Surveyed one{.mailbox = info != nullptr ? std::string(info->name) : found.mailbox,
                 .path = found.path,
                 .exists = info != nullptr};
    auto looked =
        co_await io::run(threads_for(side.location),
                         [&boxes = boxes_, &tablet = tablet_, location = side.location, account, one,
                          id = kept != nullptr ? kept->mailbox : mailbox::MailboxId{0}]() mutable -> Result<Surveyed> {
                           const auto box = TRY(boxes.open(location, one.path));
                           one.messages = box->messages().size();
                           one.known = one.messages - TRY(count_unknown(*box, tablet, account, id));
                           one.too_large = box->all() - one.messages;
                           return std::move(one);
                         });
    if (!looked && !concerns_box(looked.error())) co_return std::unexpected(std::move(looked).error());
    if (looked)
      one = *std::move(looked);
    else
      one.trouble = looked.error().text();
    all.push_back(std::move(one));
  }
  co_return all;
}

/// Of an account that has moved in.
io::Task<Result<Report>> Keeper::bring_since(mailbox::AccountId account, Location location, Told told) {
  Side side = CO_TRY(co_await begin(account, std::move(location), std::move(told)));
  side.known = CO_TRY(co_await io::run(pool_, [&tablet = tablet_, account] { return known_boxes(tablet, account); }));
  for (const Found& found : side.found) {
    auto brought = co_await bring_box(side, found);
    if (brought) continue;
    if (!concerns_box(brought.error())) co_return std::unexpected(std::move(brought).error());
    side.report.trouble(brought.error().text());
  }
  side.report.moved_in = true;
  co_return std::move(side.report);
}

io::Task<Result<>> Keeper::bring_box(Side& side, const Found& found) {
  if (side.mail->stale()) side.mail = CO_TRY(co_await mail_.account(side.account));
  const Kept* const before = find_path(side.known, found.path);
  std::optional<Kept> kept;
  if (before != nullptr && find_mailbox(*side.mail->listing(), before->mailbox) != nullptr)
    kept = *before;
  else
    kept = CO_TRY(co_await take_up(side, found, before));
  if (!kept) co_return Result<>();
  Comparison comparison(mail_, side.mail, tablet_, pool_, boxes_, side.location, *kept, kept->identity, side.told,
                        side.report);
  co_return co_await comparison.bring_unknown();
}

/// A box without a mailbox: it is new, or its mailbox was deleted here since. Nothing where there is no need of one.
io::Task<Result<std::optional<Kept>>> Keeper::take_up(Side& side, const Found& found, const Kept* before) {
  if (before != nullptr) {
    const auto unknown = CO_TRY(co_await io::run(threads_for(side.location),
                                                 [&boxes = boxes_, &tablet = tablet_, location = side.location,
                                                  account = side.account, kept = *before]() -> Result<std::size_t> {
                                                   const auto box = TRY(boxes.open(location, kept.path));
                                                   return count_unknown(*box, tablet, account, kept.mailbox);
                                                 }));
    // Whoever deleted a mailbox does not find it again for what was in it.
    if (unknown == 0) co_return std::optional<Kept>();
  }
  const Kept kept{.mailbox = CO_TRY(co_await mailbox_for(side, found)), .path = found.path};
  if (before != nullptr) {
    CO_TRY(co_await carry_pairs(side, *before, kept));
  } else {
    store::Batch batch;
    forget_box(side.account, kept.mailbox, batch);
    note_box(side.account, kept, batch);
    CO_TRY(co_await commit(std::move(batch)));
  }
  side.known.push_back(kept);
  co_return kept;
}

io::Task<Result<mailbox::MailboxId>> Keeper::mailbox_for(Side& side, const Found& found) {
  if (const mailbox::MailboxInfo* const info = side.mail->listing()->find(found.mailbox);
      info != nullptr && info->selectable) {
    const auto other = std::ranges::find(side.known, info->id, &Kept::mailbox);
    // One that was begun for this box, and not ended.
    if (other == side.known.end() || other->path == found.path) co_return info->id;
    co_return fail(kTrouble, found.path + ": the mailbox of its name has the mail of " + other->path +
                                 "; give the mailbox another name and type the command again");
  }
  const auto made = CO_TRY(co_await side.mail->create(found.mailbox));
  CO_TRY(co_await side.mail->subscribe(found.mailbox, mailbox::AccountMail::Subscription::on));
  co_return made.id;
}

/// What came out of the box is known as such by its new mailbox, too: under UIDs that no message there ever gets. The
/// old record goes last, so that whatever a sudden end leaves is done again, from the old one (known_boxes()).
io::Task<Result<>> Keeper::carry_pairs(Side& side, const Kept& from, const Kept& to) {
  std::vector<Pair> pairs = CO_TRY(co_await io::run(
      pool_, [&tablet = tablet_, account = side.account, id = from.mailbox] { return pairs_of(tablet, account, id); }));
  mailbox::Uid uid = std::numeric_limits<mailbox::Uid>::max();
  store::Batch batch;
  note_box(side.account, to, batch);
  for (Pair& pair : pairs) {
    pair.uid = uid--;
    note_pair(side.account, to.mailbox, pair, batch);
    if (batch.metadata_size() < store::kBatchMetadataMax / 2) continue;
    CO_TRY(co_await commit(std::exchange(batch, store::Batch())));
  }
  forget_box(side.account, from.mailbox, batch);
  co_return co_await commit(std::move(batch));
}

}  // namespace angarium::location
