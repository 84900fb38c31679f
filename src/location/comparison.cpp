#include <algorithm>
#include <map>
#include <set>

#include "box/mbox_box.h"
#include "location/side.h"

namespace angarium::location {
namespace {

using box::kForwarded;
/// Octets of a message that go to the store at once.
constexpr std::size_t kPiece = 64u << 10;
/// Pairs that are noted at once while messages are given: what a sudden end may leave to be found by its octets.
constexpr std::size_t kNotedTogether = 64;

/// Of one message: it cannot be read, or there is no room for it here.
bool concerns_message(const Error& error) {
  return error.is(kTrouble) || error.is(mailbox::kOverQuota) || error.is(mailbox::kTooMany) ||
         error.is(mailbox::kBadKeyword);
}

/// The mailbox takes no more keywords, or not such.
bool lacks_room(const Error& error) { return error.is(mailbox::kTooMany) || error.is(mailbox::kBadKeyword); }

struct SameFlag {
  message::BoxFlags there;
  mailbox::SystemFlags here;
};
constexpr SameFlag kSameFlags[] = {{message::kBoxSeen, mailbox::kSeen},
                                   {message::kBoxAnswered, mailbox::kAnswered},
                                   {message::kBoxFlagged, mailbox::kFlagged},
                                   {message::kBoxDraft, mailbox::kDraft},
                                   {message::kBoxDeleted, mailbox::kDeleted}};

}  // namespace

io::Task<Result<>> commit_to(store::Tablet& tablet, io::Pool& pool, store::Batch batch) {
  CO_TRY(co_await io::run(
      pool, [&tablet, batch = std::move(batch)]() mutable { return tablet.commit_and_wait(std::move(batch)); }));
  co_return Result<>();
}

message::BoxFlags box_flags(const mailbox::View& view, const mailbox::Entry& entry) {
  unsigned flags = 0;
  for (const SameFlag& same : kSameFlags)
    if ((entry.flags() & same.here) != 0) flags |= same.there;
  const auto forwarded = view.keywords().find(kForwarded);
  if (forwarded && view.keywords_of(entry).contains(*forwarded)) flags |= message::kBoxPassed;
  return static_cast<message::BoxFlags>(flags);
}

mailbox::FlagNames flag_names(Flags flags, const KeywordNames& names_of_keywords) {
  mailbox::FlagNames names;
  for (const SameFlag& same : kSameFlags)
    if ((flags & same.there) != 0) names.system |= same.here;
  if ((flags & message::kBoxPassed) != 0) names.keywords.emplace_back(kForwarded);
  for (const std::string& name : names_of_keywords)
    if ((flags & keyword_bit(names_of_keywords, name)) != 0) names.keywords.push_back(name);
  return names;
}

namespace {

/// Keywords that messages of the mailbox have, by its table.
std::set<std::uint16_t> keywords_in_use(const mailbox::View& view) {
  std::set<std::uint16_t> in_use;
  view.for_each([&](std::uint32_t, const mailbox::Entry& entry) {
    view.keywords_of(entry).for_each([&](std::uint16_t index) { in_use.insert(index); });
  });
  return in_use;
}

/// Above all that are taken while there is one: programs that read a table before it was written anew hold a hole in it
/// for a letter that nobody names.
KeywordNames::iterator free_place(KeywordNames& names) {
  const auto above = std::ranges::find_if_not(names.rbegin(), names.rend(), &std::string::empty).base();
  return above != names.end() ? above : std::ranges::find(names, std::string());
}

/// Gives free places of the box to keywords of the mailbox; those that found none, in words.
std::string name_keywords(const mailbox::View& view, Location::Form form, KeywordNames& names) {
  const bool maildir = form == Location::Form::maildir;
  const auto is_name = [](const std::string& name) { return !name.empty() && name != box::kTakenPlace; };
  std::string left;
  for (const std::uint16_t index : keywords_in_use(view)) {
    const std::string& keyword = view.keywords().name(index);
    if (names.empty() || box::find_name(names, keyword)) continue;
    // A Maildir has a flag for it, which does where nobody names anything.
    const bool has_flag = maildir && box::is_forwarded(keyword);
    if (has_flag && std::ranges::none_of(names, is_name)) continue;
    const auto free = free_place(names);
    if (free != names.end() && (maildir || keyword.size() <= box::kMboxKeywordOctetsMax))
      *free = keyword;
    else if (!has_flag)
      left += (left.empty() ? "" : " ") + keyword;
  }
  return left;
}

/// What a box with these names tells of its messages.
Flags told_by(Location::Form form, const KeywordNames& names) {
  const bool passed = form == Location::Form::maildir || box::find_name(names, kForwarded);
  return (passed ? kSharedFlags : kSharedFlags & ~Flags{message::kBoxPassed}) | shared_keywords(names);
}

std::vector<Here> messages_here(const mailbox::View& view, const KeywordNames& names) {
  std::vector<Flags> bits;
  for (const std::string& keyword : view.keywords().names()) bits.push_back(keyword_bit(names, keyword));
  std::vector<Here> here;
  view.for_each([&](std::uint32_t, const mailbox::Entry& entry) {
    Here one{.uid = entry.uid, .flags = box_flags(view, entry)};
    view.keywords_of(entry).for_each([&](std::uint16_t index) { one.flags |= bits[index]; });
    here.push_back(one);
  });
  return here;
}

}  // namespace

io::Task<Result<bool>> Comparison::run(mailbox::ViewPtr view) {
  view_ = std::move(view);
  CO_TRY(co_await look());
  if (!plan_.expunge.empty()) {
    // A folder that is listed while files in it get other names may leave one out: what is gone is gone twice.
    const std::vector<mailbox::Uid> gone = plan_.expunge;
    CO_TRY(co_await look());
    std::vector<mailbox::Uid> sure;
    std::ranges::set_intersection(plan_.expunge, gone, std::back_inserter(sure));
    plan_.expunge = std::move(sure);
    CO_TRY(check_identity());
  }
  CO_TRY(co_await forget_untold());
  if (!plan_.bring.empty() && !plan_.give.empty()) CO_TRY(co_await match());
  CO_TRY(co_await mark_here());
  CO_TRY(co_await bring_all());
  // Before the box is written, which somebody else may do meanwhile: what came from there is not to be given back.
  CO_TRY(co_await note());
  CO_TRY(co_await change_there());
  Result<> given;
  for (auto uid = plan_.give.begin(); given && uid != plan_.give.end(); ++uid) {
    given = co_await give(*uid);
    if (plan_.kept.size() >= kNotedTogether) CO_TRY(co_await note());
  }
  // What was given is noted, whatever became of the next.
  CO_TRY(co_await note());
  if (!given) co_return std::unexpected(std::move(given).error());
  // Not the same yet, whatever was done.
  if (withheld_)
    co_return fail(kTrouble, kept_.path + ": what cannot be read there may be what it lacks: it is given nothing");
  co_return did_;
}

io::Task<Result<>> Comparison::bring_unknown() {
  // Whatever became of them here, messages with a pair came out of the box.
  CO_TRY(co_await look());
  co_return co_await bring_all();
}

/// A box that was made anew and holds nothing of what it held is no box whose mail was removed: its disk may be away.
Result<> Comparison::check_identity() const {
  const bool anew = kept_.identity != 0 && kept_.identity != identity_;
  const auto gone = plan_.expunge.size() + plan_.forgotten.size();
  if (!anew || gone < pairs_.size()) return {};
  return fail(kTrouble,
              kept_.path +
                  " is another one than before, and holds nothing of its mail, which is kept here; if that is "
                  "meant, angarium export --to-location begins anew with it");
}

void Comparison::trouble(std::string_view what, const Error& error) {
  report_.trouble(kept_.path + ": " + std::string(what) + ": " + error.text());
}

struct Comparison::Looked {
  std::shared_ptr<OpenBox> box;
  std::vector<Pair> pairs;
  std::vector<Here> here;
  KeywordNames names;
  std::string left;  ///< keywords
  Flags shared = 0;
  Plan plan;
};

Result<Comparison::Looked> Comparison::look_at(store::Tablet& tablet, Boxes& boxes, const Location& location,
                                               mailbox::AccountId account, const Kept& kept,
                                               const mailbox::ViewPtr& view) {
  Looked result;
  result.box = TRY(boxes.open(location, kept.path));
  result.names = result.box->keyword_names();
  // By the box's own names: one that it gets now tells nothing of what it had before.
  result.pairs = TRY(pairs_of(tablet, account, kept.mailbox, result.names));
  const Flags told = told_by(location.form, result.names);
  for (Pair& pair : result.pairs) {
    pair.had_others = pair.had_others || (pair.flags & ~told) != 0;
    pair.flags &= told;
  }
  if (view) result.left = name_keywords(*view, location.form, result.names);
  if (view) result.here = messages_here(*view, result.names);
  result.shared = told_by(location.form, result.names);
  result.plan = merge(result.pairs, result.here, result.box->messages(), result.shared);
  return result;
}

io::Task<Result<>> Comparison::look() {
  // Large boxes take their time: not on the loop.
  auto looked = CO_TRY(co_await io::run(
      threads(), [&tablet = tablet_, &boxes = boxes_, location = location_, account = mail_->id(), kept = kept_,
                  view = view_] { return look_at(tablet, boxes, location, account, kept, view); }));
  box_ = std::move(looked.box);
  pairs_ = std::move(looked.pairs);
  here_ = std::move(looked.here);
  names_ = std::move(looked.names);
  shared_ = looked.shared;
  if (!looked.left.empty()) report_.keywords_left[kept_.path] = looked.left;
  plan_ = std::move(looked.plan);
  if (const std::size_t left = box_->all() - box_->messages().size(); left > 0) report_.too_large[kept_.path] = left;
  co_return Result<>();
}

/// One that cannot be read now may be any of those here: it is not brought, and nothing is given.
io::Task<Result<Comparison::ByContent>> Comparison::contents_there() {
  ByContent there;
  for (const std::size_t index : std::exchange(plan_.bring, {})) {
    const auto name = co_await io::run(threads(), [box = box_, index]() -> Result<std::string> {
      const std::string octets = TRY(box->read(index));
      return content_name(octets);
    });
    if (!name && !name.error().is(kTrouble)) co_return std::unexpected(name.error());
    if (!name) {
      trouble(box_->messages()[index].name, name.error());
      withheld_ = true;
      continue;
    }
    there[*name].push_back(index);
    plan_.bring.push_back(index);
  }
  co_return there;
}

/// Messages that both sides have and no pair tells of: of a giving that was cut off, or from before there was a
/// location.
io::Task<Result<>> Comparison::match() {
  ByContent there = CO_TRY(co_await contents_there());
  std::set<std::size_t> matched;
  std::vector<Pair> pairs;
  for (const mailbox::Uid uid : std::exchange(plan_.give, {})) {
    auto octets = co_await octets_of(uid);
    // Looked at again before it is given or its like brought.
    if (!octets && octets.error().temporary() && !octets.error().is(kTrouble))
      co_return std::unexpected(std::move(octets).error());
    if (!octets) {
      if (!octets.error().is(mailbox::kExpunged)) trouble("UID " + std::to_string(uid), octets.error());
      continue;
    }
    const std::string name = CO_TRY(co_await io::run(
        pool_, [octets = *std::move(octets)]() -> Result<std::string> { return content_name(octets); }));
    const auto same = there.find(name);
    if (same == there.end() || same->second.empty()) {
      plan_.give.push_back(uid);
      continue;
    }
    const std::size_t index = same->second.front();
    same->second.erase(same->second.begin());
    matched.insert(index);
    // With the flags that both have, so that the next comparison finds what either has alone as set by it.
    const auto here = std::ranges::lower_bound(here_, uid, {}, &Here::uid)->flags;
    const There& message = box_->messages()[index];
    pairs.push_back({uid, message.name, here & message.flags & shared_});
  }
  std::erase_if(plan_.bring, [&](std::size_t index) { return matched.contains(index); });
  if (withheld_) plan_.give.clear();
  did_ = did_ || !pairs.empty();
  // At once, whatever becomes of the rest: all was read for them.
  store::Batch batch;
  CO_TRY(co_await note_pairs(std::move(pairs), batch));
  if (!batch.empty()) CO_TRY(co_await commit(std::move(batch)));
  co_return Result<>();
}

/// With the fields in front of it, as readers here see it.
io::Task<Result<std::string>> Comparison::octets_of(mailbox::Uid uid) {
  const mailbox::Entry* const entry = view_->find(uid);
  const mailbox::EmailPtr email = CO_TRY(co_await mail_->email(entry->email));
  if ((*email)->size > kMessageMax) co_return fail(kTrouble, "a message is too large for its box");
  co_return co_await mail_->read(email, 0, (*email)->size);
}

/// A pair's flags that the box does not tell now, for its table of names was lost, are forgotten before it tells them
/// again: else a name that it gets, and a crash before its messages have it, would look like a removal there.
io::Task<Result<>> Comparison::forget_untold() {
  std::vector<Pair> pairs;
  std::ranges::copy_if(pairs_, std::back_inserter(pairs), &Pair::had_others);
  store::Batch batch;
  CO_TRY(co_await note_pairs(std::move(pairs), batch));
  if (!batch.empty()) CO_TRY(co_await commit(std::move(batch)));
  co_return Result<>();
}

/// Those for which there is no room.
io::Task<Result<Flags>> Comparison::add_here(mailbox::UidSet uids, Flags flags) {
  const auto change = [this](Flags some) {
    return mailbox::FlagRequest{.mode = mailbox::FlagMode::add, .flags = flag_names(some, names_)};
  };
  const auto all = co_await mail_->change_flags(kept_.mailbox, uids, change(flags));
  if (all) co_return Flags{0};
  if (!lacks_room(all.error())) co_return std::unexpected(all.error());
  trouble("keywords", all.error());
  Flags refused = 0;
  for (Flags left = flags; left != 0; left &= left - 1) {
    const Flags one = left & (~left + 1);
    const auto added = co_await mail_->change_flags(kept_.mailbox, uids, change(one));
    if (!added && !lacks_room(added.error())) co_return std::unexpected(added.error());
    if (!added) refused |= one;
  }
  co_return refused;
}

/// What the mailbox has not got is not noted as common to both: it would look as if it had been removed here.
void Comparison::keep_without(const mailbox::UidSet& uids, Flags refused) {
  std::erase_if(plan_.kept, [&](Pair& pair) {
    if (!uids.contains(pair.uid)) return false;
    pair.flags &= ~refused;
    return pair == *std::ranges::lower_bound(pairs_, pair.uid, {}, &Pair::uid);
  });
}

/// Flags first: what a box told as seen is seen before anybody here reads of new mail.
io::Task<Result<>> Comparison::mark_here() {
  // Messages with the same change go together.
  std::map<std::pair<Flags, Flags>, mailbox::UidSet> changes;
  for (const Plan::Mark& mark : plan_.mark_here) {
    const mailbox::Uid uid = pairs_[mark.pair].uid;
    const auto here = std::ranges::lower_bound(here_, uid, {}, &Here::uid)->flags;
    changes[{mark.flags & ~here & shared_, here & ~mark.flags & shared_}].add(uid);
  }
  did_ = did_ || !plan_.expunge.empty();
  for (const auto& [change, uids] : changes) {
    Flags refused = 0;
    if (change.first != 0) refused = CO_TRY(co_await add_here(uids, change.first));
    if (refused != 0) keep_without(uids, refused);
    if (change.second != 0)
      CO_TRY(co_await mail_->change_flags(
          kept_.mailbox, uids, {.mode = mailbox::FlagMode::remove, .flags = flag_names(change.second, names_)}));
    if (refused == change.first && change.second == 0) continue;
    report_.marked += uids.count();
    did_ = true;
  }
  mailbox::UidSet gone;
  for (const mailbox::Uid uid : plan_.expunge) gone.add(uid);
  report_.expunged += plan_.expunge.size();
  if (!gone.empty()) CO_TRY(co_await mail_->expunge(kept_.mailbox, gone, mailbox::ExpungeOnly::any));
  co_return Result<>();
}

io::Task<Result<>> Comparison::bring_all() {
  for (const std::size_t index : plan_.bring) {
    auto brought = co_await bring(index);
    // One that cannot be read or taken does not keep the others back.
    if (!brought && !concerns_message(brought.error())) co_return std::unexpected(std::move(brought).error());
    if (!brought) trouble(box_->messages()[index].name, brought.error());
  }
  co_return Result<>();
}

io::Task<Result<>> Comparison::bring(std::size_t index) {
  std::string octets = CO_TRY(co_await io::run(threads(), [box = box_, index] { return box->read(index); }));
  auto date = CO_TRY(co_await io::run(threads(), [box = box_, index] { return box->received(index); }));
  const std::unique_ptr<mailbox::Intake> intake = store_.intake(mailbox::Arrival::ordinary);
  for (std::string_view rest = octets; !rest.empty(); rest.remove_prefix(std::min(rest.size(), kPiece))) {
    CO_TRY(intake->append(rest.substr(0, kPiece)));
    if (intake->full()) CO_TRY(co_await intake->drain());
  }
  const mailbox::MailboxInfo* const info = mail_->listing()->find(kept_.mailbox);
  if (info == nullptr) co_return fail(kTrouble, "the mailbox is gone");
  const There& there = box_->messages()[index];
  mailbox::Delivery delivery;
  delivery.content = CO_TRY(co_await intake->finish());
  // As mail that comes for several: one message may go beyond the quota, and what follows stays in the box alone.
  delivery.recipients.push_back(
      {.account = mail_->id(),
       .prepended = {},
       .targets = {{.mailbox = info->name, .flags = flag_names(there.flags & shared_, names_)}},
       .over_quota = mailbox::OverQuota::take_one});
  if (date) delivery.received = {.at = date->instant(), .zone_minutes = date->zone_unknown ? 0 : date->zone_minutes};
  // Where the mailbox has no room for its keywords it comes without: whether it has them the next comparison sees.
  const Flags noted = there.flags & kSharedFlags & ~Flags{message::kBoxPassed};
  delivery.record = [account = mail_->id(), mailbox = kept_.mailbox, name = there.name, noted](
                        const std::vector<Result<mailbox::Delivered>>& results, store::Batch& batch) {
    if (!results.front() || results.front()->mailbox != mailbox) return;
    note_pair(account, mailbox, {results.front()->uid, name, noted}, batch);
  };
  const auto delivered = CO_TRY(co_await store_.deliver(std::move(delivery)));
  if (!delivered.front()) co_return std::unexpected(delivered.front().error());
  ++report_.brought;
  if (told_) told_(report_.brought);
  did_ = true;
  co_return Result<>();
}

io::Task<Result<>> Comparison::change_there() {
  if (plan_.remove.empty() && plan_.mark_there.empty()) co_return Result<>();
  CO_TRY(co_await io::run(threads(), [box = box_, removed = plan_.remove, marked = plan_.mark_there, names = names_] {
    return box->change(removed, marked, names);
  }));
  // Under the locks of an mbox nothing else changed. A Maildir's file may have got another name meanwhile: its pair is
  // forgotten when the next comparison misses it.
  if (location_.form == Location::Form::mbox) std::ranges::copy(plan_.removed, std::back_inserter(plan_.forgotten));
  did_ = true;
  report_.removed += plan_.remove.size();
  report_.marked += plan_.mark_there.size();
  co_return Result<>();
}

io::Task<Result<>> Comparison::give(mailbox::Uid uid) {
  auto octets = co_await octets_of(uid);
  // Whoever removed it here meanwhile wants it nowhere.
  if (!octets && octets.error().is(mailbox::kExpunged)) co_return Result<>();
  if (!octets) {
    trouble("UID " + std::to_string(uid), octets.error());
    co_return Result<>();
  }
  const mailbox::Entry* const entry = view_->find(uid);
  NewMessage message{.octets = *std::move(octets),
                     .flags = box_flags(*view_, *entry),
                     .received = WallTime::from_seconds(entry->date)};
  There there = CO_TRY(
      co_await io::run(threads(), [&boxes = boxes_, location = location_, path = kept_.path,
                                   message = std::move(message)] { return boxes.add(location, path, message); }));
  plan_.kept.push_back({uid, std::move(there.name), there.flags});
  did_ = true;
  ++report_.given;
  co_return Result<>();
}

/// What fills a batch is committed; the rest is in `batch`.
io::Task<Result<>> Comparison::note_pairs(std::vector<Pair> pairs, store::Batch& batch) {
  for (const Pair& pair : pairs) {
    note_pair(mail_->id(), kept_.mailbox, pair, batch, names_);
    if (batch.metadata_size() < store::kBatchMetadataMax / 2) continue;
    CO_TRY(co_await commit(std::exchange(batch, store::Batch())));
  }
  co_return Result<>();
}

io::Task<Result<>> Comparison::note() {
  store::Batch batch;
  did_ = did_ || !plan_.kept.empty() || !plan_.forgotten.empty();
  CO_TRY(co_await note_pairs(std::exchange(plan_.kept, {}), batch));
  for (const mailbox::Uid uid : std::exchange(plan_.forgotten, {})) forget_pair(mail_->id(), kept_.mailbox, uid, batch);
  if (kept_.identity != identity_) note_box(mail_->id(), {kept_.mailbox, kept_.path, identity_}, batch);
  if (!batch.empty()) CO_TRY(co_await commit(std::move(batch)));
  co_return Result<>();
}

io::Task<Result<>> Comparison::commit(store::Batch batch) { return commit_to(tablet_, pool_, std::move(batch)); }

}  // namespace angarium::location
