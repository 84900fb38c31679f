#include "location/keeper.h"

#include <algorithm>
#include <set>

#include "location/side.h"
#include "store/error.h"

namespace angarium::location {
namespace {

bool has_path(const std::vector<Kept>& boxes, std::string_view path) {
  return std::ranges::find(boxes, path, &Kept::path) != boxes.end();
}
bool has_mailbox(const std::vector<Kept>& boxes, mailbox::MailboxId mailbox) {
  return std::ranges::find(boxes, mailbox, &Kept::mailbox) != boxes.end();
}

}  // namespace

bool concerns_box(const Error& error) { return error.is(kTrouble) || error.is(kGone) || error.is(mailbox::kBadName); }

void Report::trouble(std::string line) {
  if (troubles.size() < kTroublesTold)
    troubles.push_back(std::move(line));
  else
    ++further_troubles;
}

void Report::add(Report&& other) {
  brought += other.brought;
  given += other.given;
  expunged += other.expunged;
  removed += other.removed;
  marked += other.marked;
  for (std::string& line : other.troubles) trouble(std::move(line));
  further_troubles += other.further_troubles;
  for (const auto& [path, count] : other.too_large) too_large[path] = count;
  for (const auto& [path, words] : other.keywords_left) keywords_left[path] = words;
  for (const std::string& name : other.without_box)
    if (without_box.size() < kWithoutBoxTold) without_box.insert(name);
  moved_in = other.moved_in;
}

io::Task<Result<Keeper::Side>> Keeper::begin(mailbox::AccountId account, Location location, Told told) {
  Side side{.account = account,
            .location = std::move(location),
            .mail = nullptr,
            .found = {},
            .told = std::move(told),
            .report = {}};
  side.mail = CO_TRY(co_await mail_.account(account));
  side.found = CO_TRY(co_await io::run(threads_for(side.location),
                                       [&boxes = boxes_, location = side.location] { return boxes.find(location); }));
  co_return std::move(side);
}

io::Task<Result<Report>> Keeper::settle(mailbox::AccountId account, Location location, Told told) {
  return settle(account, std::move(location), std::move(told), Purpose::keep);
}

io::Task<Result<Report>> Keeper::settle(mailbox::AccountId account, Location location, Told told, Purpose purpose) {
  const auto moved =
      CO_TRY(co_await io::run(pool_, [&tablet = tablet_, account] { return location::moved_in(tablet, account); }));
  if (moved && !moved->is_from(location))
    co_return fail(kTrouble,
                   "the account has moved in from " + moved->location + ", and its line names " +
                       route::format_location(location) +
                       " now: take the line out or mend it; 'angarium export --to-location' puts the account there");
  if (moved) {
    Report report;
    report.moved_in = true;
    co_return report;
  }
  Side side = CO_TRY(co_await begin(account, std::move(location), std::move(told)));
  side.purpose = purpose;
  const std::vector<Kept> boxes = CO_TRY(co_await settle_boxes(side));
  for (const Kept& kept : boxes) {
    auto settled = co_await settle_box(side, kept);
    if (settled) continue;
    if (!concerns_box(settled.error())) co_return std::unexpected(std::move(settled).error());
    side.report.trouble(settled.error().text());
  }
  co_return std::move(side.report);
}

void Keeper::forget(mailbox::AccountId account) {
  std::erase_if(same_, [account](const auto& one) { return one.first.first == account; });
}

io::Task<Result<>> Keeper::commit(store::Batch batch) { return commit_to(tablet_, pool_, std::move(batch)); }

/// Which mailbox has which box from now on: boxes and mailboxes that came, went or were renamed on one side do so on
/// the other.
io::Task<Result<std::vector<Kept>>> Keeper::settle_boxes(Side& side) {
  side.known = CO_TRY(
      co_await io::run(pool_, [&tablet = tablet_, account = side.account] { return kept_boxes(tablet, account); }));
  std::vector<Kept> boxes;
  for (const Kept& kept : side.known) {
    auto settled = co_await settle_kept(side, kept, boxes);
    if (settled) continue;
    if (!concerns_box(settled.error())) co_return std::unexpected(std::move(settled).error());
    // Neither the mailbox nor the box gets another partner meanwhile.
    side.absent.push_back(kept.mailbox);
    side.held.push_back(kept.path);
    side.report.trouble(settled.error().text());
  }
  CO_TRY(co_await settle_found(side, boxes));
  CO_TRY(co_await settle_mailboxes(side, boxes));
  co_return boxes;
}

io::Task<Result<>> Keeper::settle_kept(Side& side, const Kept& kept, std::vector<Kept>& boxes) {
  const mailbox::ListingPtr listing = side.mail->listing();
  const mailbox::MailboxInfo* const info = listing->find(kept.mailbox);
  if (info == nullptr || !info->selectable) co_return co_await drop_box(side, kept);
  const bool inbox = info->name == mailbox::kInbox;
  if (!is_in(side.location, kept.path) || (inbox && kept.path != side.location.inbox)) {
    // The account's mail lies elsewhere now: what both sides have is found by its octets.
    store::Batch batch;
    forget_box(side.account, kept.mailbox, batch);
    co_return co_await commit(std::move(batch));
  }
  const auto found = std::ranges::find(side.found, kept.path, &Found::path);
  if (found == side.found.end()) co_return co_await lose_box(side, kept, *info, boxes);
  if (!inbox && found->mailbox != info->name) co_return co_await rename_kept(side, kept, info->name, boxes);
  boxes.push_back(kept);
  co_return Result<>();
}

/// The mailbox was renamed here. Where its box cannot be, it stays under its name: the mail is the same on both sides.
io::Task<Result<>> Keeper::rename_kept(Side& side, const Kept& kept, std::string name, std::vector<Kept>& boxes) {
  const std::string path = path_of(side.location, name);
  auto renamed = path.empty() ? Result<>(fail(kTrouble, kept.path + " cannot be named as the mailbox is"))
                              : co_await io::run(threads_for(side.location),
                                                 [&all = boxes_, location = side.location, from = kept.path, path] {
                                                   return all.rename(location, from, path);
                                                 });
  if (!renamed) {
    side.report.trouble(renamed.error().text());
    boxes.push_back(kept);
    co_return Result<>();
  }
  *std::ranges::find(side.found, kept.path, &Found::path) = {std::move(name), path};
  boxes.push_back({kept.mailbox, path, kept.identity});
  store::Batch batch;
  note_box(side.account, boxes.back(), batch);
  co_return co_await commit(std::move(batch));
}

/// The box is not where it was: it was renamed by us before a sudden end, or removed by another program, or cannot be
/// seen.
io::Task<Result<>> Keeper::lose_box(Side& side, const Kept& kept, const mailbox::MailboxInfo& info,
                                    std::vector<Kept>& boxes) {
  const std::string renamed = path_of(side.location, info.name);
  const bool is_there = std::ranges::find(side.found, renamed, &Found::path) != side.found.end();
  if (is_there && !has_path(side.known, renamed)) {
    boxes.push_back({kept.mailbox, renamed, kept.identity});
    store::Batch batch;
    note_box(side.account, boxes.back(), batch);
    co_return co_await commit(std::move(batch));
  }
  if (side.purpose == Purpose::move && info.name == mailbox::kInbox && CO_TRY(co_await is_taken(side, kept))) {
    side.absent.push_back(kept.mailbox);
    side.held.push_back(kept.path);
    co_return Result<>();
  }
  // A folder with nothing in it may be a disk that is not there: that concludes nothing.
  const bool others_there =
      std::ranges::any_of(side.found, [](const Found& one) { return one.mailbox != mailbox::kInbox; });
  const bool missing =
      CO_TRY(co_await io::run(threads_for(side.location), [&all = boxes_, location = side.location, path = kept.path] {
        return all.is_missing(location, path);
      }));
  if (info.name == mailbox::kInbox || !others_there || !missing)
    co_return fail(kTrouble, kept.path + " is not there; its mail is kept here");
  const auto pairs = CO_TRY(co_await io::run(
      pool_, [&tablet = tablet_, account = side.account, id = kept.mailbox] { return pairs_of(tablet, account, id); }));
  const mailbox::ViewPtr view = CO_TRY(co_await side.mail->view(kept.mailbox));
  const auto known = std::ranges::count_if(pairs, [&](const Pair& pair) { return view->find(pair.uid) != nullptr; });
  // A message that was never there is not lost with the folder, which is made anew for it. The mailbox goes before its
  // record does: what a sudden end leaves is then a record without a mailbox.
  const mailbox::MailboxInfo* const now = side.mail->listing()->find(kept.mailbox);
  if (now != nullptr && static_cast<std::uint32_t>(known) == view->size())
    CO_TRY(co_await side.mail->remove(std::string(now->name)));
  store::Batch batch;
  forget_box(side.account, kept.mailbox, batch);
  co_return co_await commit(std::move(batch));
}

/// Mail readers unlink a spool that they have emptied. One in another folder than before may be on a disk that is away.
io::Task<Result<bool>> Keeper::is_taken(const Side& side, const Kept& kept) {
  if (side.location.form != Location::Form::mbox || kept.identity == 0) co_return false;
  const auto stamp = co_await io::run(
      threads_for(side.location),
      [&all = boxes_, location = side.location, path = kept.path] { return all.stamp(location, path); });
  if (!stamp && stamp.error().is(kTrouble)) co_return false;
  if (!stamp) co_return std::unexpected(stamp.error());
  co_return stamp->missing && stamp->identity == kept.identity;
}

/// The mailbox was deleted here: so is its box, but for mail that came into it since.
io::Task<Result<>> Keeper::drop_box(Side& side, const Kept& kept) {
  const auto found = std::ranges::find(side.found, kept.path, &Found::path);
  if (found != side.found.end()) {
    const auto pairs = CO_TRY(co_await io::run(pool_, [&tablet = tablet_, account = side.account, id = kept.mailbox] {
      return pairs_of(tablet, account, id);
    }));
    std::set<std::string, std::less<>> known;
    for (const Pair& pair : pairs) known.insert(pair.name);
    CO_TRY(co_await io::run(threads_for(side.location),
                            [&all_boxes = boxes_, location = side.location, path = kept.path, known]() -> Result<> {
                              const auto box = TRY(all_boxes.open(location, path));
                              std::vector<std::size_t> removed;
                              for (std::size_t i = 0; i < box->messages().size(); ++i)
                                if (known.contains(box->messages()[i].name)) removed.push_back(i);
                              const bool all = removed.size() == box->all();
                              TRY(box->change(removed, {}, {}));
                              return all ? all_boxes.remove(location, path) : Result<>();
                            }));
    side.report.removed += known.size();
    const bool gone = CO_TRY(co_await io::run(
        threads_for(side.location),
        [&all = boxes_, location = side.location, path = kept.path] { return all.is_missing(location, path); }));
    if (gone) side.found.erase(found);
  }
  store::Batch batch;
  forget_box(side.account, kept.mailbox, batch);
  co_return co_await commit(std::move(batch));
}

/// Boxes that no mailbox has.
io::Task<Result<>> Keeper::settle_found(Side& side, std::vector<Kept>& boxes) {
  store::Batch batch;
  for (const Found& found : side.found) {
    if (has_path(boxes, found.path) || std::ranges::count(side.held, found.path) > 0) continue;
    const mailbox::MailboxInfo* info = side.mail->listing()->find(found.mailbox);
    mailbox::MailboxId id = info != nullptr && info->selectable ? info->id : 0;
    if (id != 0 && (has_mailbox(boxes, id) || std::ranges::count(side.absent, id) > 0)) continue;
    if (id == 0) {
      auto made = co_await side.mail->create(found.mailbox);
      if (!made) {
        side.report.trouble(found.path + ": " + made.error().text());
        continue;
      }
      id = made->id;
      CO_TRY(co_await side.mail->subscribe(found.mailbox, mailbox::AccountMail::Subscription::on));
    }
    boxes.push_back({id, found.path});
    // Pairs are of another box, if there are any.
    forget_box(side.account, id, batch);
    note_box(side.account, boxes.back(), batch);
  }
  if (!batch.empty()) CO_TRY(co_await commit(std::move(batch)));
  co_return Result<>();
}

/// Mailboxes without a box. Those that every account has get one when there is mail in them.
io::Task<Result<>> Keeper::settle_mailboxes(Side& side, std::vector<Kept>& boxes) {
  const mailbox::ListingPtr listing = side.mail->listing();
  for (const mailbox::MailboxInfo& info : listing->mailboxes) {
    if (!info.selectable || has_mailbox(boxes, info.id) || std::ranges::count(side.absent, info.id) > 0) continue;
    const std::string path = path_of(side.location, info.name);
    const bool has_folders = side.location.form == Location::Form::maildir || !side.location.folders.empty();
    if (path.empty() && has_folders && side.report.without_box.size() < kWithoutBoxTold)
      side.report.without_box.insert(info.name);
    if (path.empty() || has_path(boxes, path) || std::ranges::count(side.held, path) > 0) continue;
    const bool always_there = info.use != mailbox::SpecialUse::none || info.name == mailbox::kInbox;
    if (always_there && CO_TRY(side.mail->status(info.id)).messages == 0) continue;
    auto made = co_await io::run(threads_for(side.location),
                                 [&all = boxes_, location = side.location, path] { return all.make(location, path); });
    if (!made) {
      side.report.trouble(made.error().text());
      continue;
    }
    boxes.push_back({info.id, path});
    store::Batch batch;
    forget_box(side.account, info.id, batch);
    note_box(side.account, boxes.back(), batch);
    CO_TRY(co_await commit(std::move(batch)));
  }
  co_return Result<>();
}

io::Task<Result<>> Keeper::settle_box(Side& side, const Kept& kept) {
  for (int i = 0; i < kRoundsMax; ++i)
    if (!CO_TRY(co_await round(side, kept))) break;
  co_return Result<>();
}

io::Task<Result<bool>> Keeper::round(Side& side, const Kept& kept) {
  if (side.mail->stale()) side.mail = CO_TRY(co_await mail_.account(side.account));
  // Looked at before the box is: what changes meanwhile is a change the next time.
  const Stamp stamp =
      CO_TRY(co_await io::run(threads_for(side.location), [&all = boxes_, location = side.location, path = kept.path] {
        return all.stamp(location, path);
      }));
  if (stamp.missing) co_return fail(kTrouble, kept.path + " is not there; its mail is kept here");
  mailbox::ViewPtr view = CO_TRY(co_await side.mail->view(kept.mailbox));
  const std::uint64_t version = view->numbers().version;
  const std::pair key{side.account, kept.mailbox};
  const Same& before = same_[key];
  if (before.path == kept.path && before.version == version && before.stamp.same(stamp)) co_return false;
  Comparison comparison(mail_, side.mail, tablet_, pool_, boxes_, side.location, kept, stamp.identity, side.told,
                        side.report);
  const bool changed = CO_TRY(co_await comparison.run(std::move(view)));
  // forget() may have been called meanwhile.
  if (!changed) same_[key] = {.stamp = stamp, .version = version, .path = kept.path};
  co_return changed;
}

}  // namespace angarium::location
