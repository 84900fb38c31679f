#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "location/side.h"

namespace angarium::location {
namespace {

constexpr std::string_view kForwarded = "$Forwarded";
/// Octets of a message that go to the store at once.
constexpr std::size_t kPiece = 64u << 10;
/// Pairs that are noted at once while messages are given: what a sudden end may leave to be found by its octets.
constexpr std::size_t kNotedTogether = 64;

/// Of one message: it cannot be read, or there is no room for it here.
bool concerns_message(const Error& error) {
  return error.is(kTrouble) || error.is(mailbox::kOverQuota) || error.is(mailbox::kTooMany) ||
         error.is(mailbox::kBadKeyword);
}

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

mailbox::FlagNames flag_names(message::BoxFlags flags) {
  mailbox::FlagNames names;
  for (const SameFlag& same : kSameFlags)
    if ((flags & same.there) != 0) names.system |= same.here;
  if ((flags & message::kBoxPassed) != 0) names.keywords.emplace_back(kForwarded);
  return names;
}

io::Task<Result<bool>> Comparison::run(mailbox::ViewPtr view) {
  view_ = std::move(view);
  view_->for_each(
      [this](std::uint32_t, const mailbox::Entry& entry) { here_.push_back({entry.uid, box_flags(*view_, entry)}); });
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
  if (!plan_.bring.empty() && !plan_.give.empty()) CO_TRY(co_await match());
  CO_TRY(co_await mark_here());
  for (const std::size_t index : plan_.bring) {
    auto brought = co_await bring(index);
    // One that cannot be read or taken does not keep the others back.
    if (!brought && !concerns_message(brought.error())) co_return std::unexpected(std::move(brought).error());
    if (!brought) trouble(box_->messages()[index].name, brought.error());
  }
  CO_TRY(co_await change_there());
  Result<> given;
  for (auto uid = plan_.give.begin(); given && uid != plan_.give.end(); ++uid) {
    given = co_await give(*uid);
    if (plan_.kept.size() >= kNotedTogether) CO_TRY(co_await note());
  }
  // What was given is noted, whatever became of the next.
  CO_TRY(co_await note());
  if (!given) co_return std::unexpected(std::move(given).error());
  co_return did_;
}

/// A box that was made anew and holds nothing of what it held is no box whose mail was removed: its disk may be away.
Result<> Comparison::check_identity() const {
  const bool anew = kept_.identity != 0 && kept_.identity != identity_;
  const auto gone = plan_.expunge.size() + plan_.forgotten.size();
  if (!anew || gone < pairs_.size()) return {};
  return fail(kTrouble,
              kept_.path +
                  " is another one than before, and holds nothing of its mail, which is kept here; if that is "
                  "meant, take the account's line out of [location], and put it in again once that counts");
}

void Comparison::trouble(std::string_view what, const Error& error) {
  report_.troubles.push_back(kept_.path + ": " + std::string(what) + ": " + error.text());
}

io::Task<Result<>> Comparison::look() {
  struct Looked {
    std::shared_ptr<OpenBox> box;
    std::vector<Pair> pairs;
    Plan plan;
  };
  // Large boxes take their time: not on the loop.
  auto looked = CO_TRY(co_await io::run(
      pool_, [&tablet = tablet_, account = mail_->id(), kept = kept_, host = host_, here = here_]() -> Result<Looked> {
        Looked result;
        result.box = TRY(OpenBox::open(kept.path, host));
        result.pairs = TRY(pairs_of(tablet, account, kept.mailbox));
        result.plan = merge(result.pairs, here, result.box->messages());
        return result;
      }));
  box_ = std::move(looked.box);
  pairs_ = std::move(looked.pairs);
  plan_ = std::move(looked.plan);
  co_return Result<>();
}

/// Messages that both sides have and no pair tells of: of a giving that was cut off, or from before there was a
/// location.
io::Task<Result<>> Comparison::match() {
  std::map<std::string, std::vector<std::size_t>, std::less<>> there;
  for (const std::size_t index : plan_.bring) {
    const auto name = co_await io::run(pool_, [box = box_, index]() -> Result<std::string> {
      const std::string octets = TRY(box->read(index));
      return content_name(octets);
    });
    if (name) there[*name].push_back(index);
  }
  std::set<std::size_t> matched;
  for (const mailbox::Uid uid : std::exchange(plan_.give, {})) {
    auto octets = co_await octets_of(uid);
    std::string name;
    if (octets)
      name = CO_TRY(co_await io::run(
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
    plan_.kept.push_back({uid, message.name, static_cast<message::BoxFlags>(here & message.flags & kSharedFlags)});
  }
  std::erase_if(plan_.bring, [&](std::size_t index) { return matched.contains(index); });
  co_return Result<>();
}

/// With the fields in front of it, as readers here see it.
io::Task<Result<std::string>> Comparison::octets_of(mailbox::Uid uid) {
  const mailbox::Entry* const entry = view_->find(uid);
  const mailbox::EmailPtr email = CO_TRY(co_await mail_->email(entry->email));
  if ((*email)->size > kMessageMax) co_return fail(kTrouble, "a message is too large for its box");
  co_return co_await mail_->read(email, 0, (*email)->size);
}

/// Flags first: what a box told as seen is seen before anybody here reads of new mail.
io::Task<Result<>> Comparison::mark_here() {
  // Messages with the same change go together.
  std::map<std::pair<message::BoxFlags, message::BoxFlags>, mailbox::UidSet> changes;
  for (const Plan::Mark& mark : plan_.mark_here) {
    const mailbox::Uid uid = pairs_[mark.pair].uid;
    const auto here = std::ranges::lower_bound(here_, uid, {}, &Here::uid)->flags;
    changes[{static_cast<message::BoxFlags>(mark.flags & ~here), static_cast<message::BoxFlags>(here & ~mark.flags)}]
        .add(uid);
    ++report_.marked;
  }
  for (const auto& [change, uids] : changes) {
    if (change.first != 0)
      CO_TRY(co_await mail_->change_flags(kept_.mailbox, uids,
                                          {.mode = mailbox::FlagMode::add, .flags = flag_names(change.first)}));
    if (change.second != 0)
      CO_TRY(co_await mail_->change_flags(kept_.mailbox, uids,
                                          {.mode = mailbox::FlagMode::remove, .flags = flag_names(change.second)}));
  }
  did_ = did_ || !changes.empty() || !plan_.expunge.empty();
  mailbox::UidSet gone;
  for (const mailbox::Uid uid : plan_.expunge) gone.add(uid);
  report_.expunged += plan_.expunge.size();
  if (!gone.empty()) CO_TRY(co_await mail_->expunge(kept_.mailbox, gone, mailbox::ExpungeOnly::any));
  co_return Result<>();
}

io::Task<Result<>> Comparison::bring(std::size_t index) {
  std::string octets = CO_TRY(co_await io::run(pool_, [box = box_, index] { return box->read(index); }));
  auto date = CO_TRY(co_await io::run(
      pool_, [box = box_, index]() -> Result<std::optional<message::DateTime>> { return box->received(index); }));
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
  delivery.recipients.push_back({.account = mail_->id(),
                                 .prepended = {},
                                 .targets = {{.mailbox = info->name, .flags = flag_names(there.flags)}},
                                 .over_quota = mailbox::OverQuota::take_one});
  if (date) delivery.received = {.at = date->instant(), .zone_minutes = date->zone_unknown ? 0 : date->zone_minutes};
  delivery.record = [account = mail_->id(), mailbox = kept_.mailbox, name = there.name, flags = there.flags](
                        const std::vector<Result<mailbox::Delivered>>& results, store::Batch& batch) {
    if (!results.front() || results.front()->mailbox != mailbox) return;
    note_pair(account, mailbox, {results.front()->uid, name, static_cast<message::BoxFlags>(flags & kSharedFlags)},
              batch);
  };
  const auto delivered = CO_TRY(co_await store_.deliver(std::move(delivery)));
  if (!delivered.front()) co_return std::unexpected(delivered.front().error());
  ++report_.brought;
  did_ = true;
  co_return Result<>();
}

io::Task<Result<>> Comparison::change_there() {
  if (plan_.remove.empty() && plan_.mark_there.empty()) co_return Result<>();
  CO_TRY(co_await io::run(
      pool_, [box = box_, removed = plan_.remove, marked = plan_.mark_there] { return box->change(removed, marked); }));
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
  There there =
      CO_TRY(co_await io::run(pool_, [location = location_, path = kept_.path, message = std::move(message),
                                      host = host_] { return add_message(location, path, message, host.delivery); }));
  plan_.kept.push_back({uid, std::move(there.name), there.flags});
  did_ = true;
  ++report_.given;
  co_return Result<>();
}

io::Task<Result<>> Comparison::note() {
  store::Batch batch;
  did_ = did_ || !plan_.kept.empty() || !plan_.forgotten.empty();
  for (const Pair& pair : std::exchange(plan_.kept, {})) {
    note_pair(mail_->id(), kept_.mailbox, pair, batch);
    if (batch.metadata_size() < store::kBatchMetadataMax / 2) continue;
    CO_TRY(co_await commit(std::exchange(batch, store::Batch())));
  }
  for (const mailbox::Uid uid : std::exchange(plan_.forgotten, {})) forget_pair(mail_->id(), kept_.mailbox, uid, batch);
  if (kept_.identity != identity_) note_box(mail_->id(), {kept_.mailbox, kept_.path, identity_}, batch);
  if (!batch.empty()) CO_TRY(co_await commit(std::move(batch)));
  co_return Result<>();
}

io::Task<Result<>> Comparison::commit(store::Batch batch) { return commit_to(tablet_, pool_, std::move(batch)); }

}  // namespace angarium::location
