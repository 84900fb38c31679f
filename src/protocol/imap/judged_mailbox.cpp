#include "protocol/imap/judged_mailbox.h"

#include <algorithm>
#include <deque>

#include "base/text.h"

namespace angarium::protocol::imap {
namespace {

constexpr Rights kMoveRights = kRightDeleteMessages | kRightExpunge;

/// Keywords of a mailbox other than those that are named.
std::vector<std::string> other_keywords(const View& view, const std::vector<std::string>& named) {
  std::vector<std::string> others;
  for (const std::string& name : view.keywords()) {
    const auto is_it = [&](const std::string& other) { return equals_ignore_case(name, other); };
    if (!name.empty() && std::ranges::none_of(named, is_it)) others.push_back(name);
  }
  return others;
}

bool empty(const FlagList& flags) { return flags.system == 0 && flags.keywords.empty(); }

}  // namespace

JudgedMailbox::JudgedMailbox(std::shared_ptr<SharingAccount> account, SharingAccount::Place place,
                             std::shared_ptr<Mailbox> inner)
    : account_(std::move(account)), place_(std::move(place)), inner_(std::move(inner)), facts_(inner_->facts()) {
  if (!place_.own() && !facts_.id.empty()) facts_.id += "-" + place_.key;
}

std::string JudgedMailbox::name() const {
  std::string name = inner_->name();
  return name.empty() ? name : place_.prefix + name;
}

std::shared_ptr<const View> JudgedMailbox::view() const {
  if ((rights() & kRightRead) == 0) return nullptr;
  return inner_->view();
}

io::Task<Result<StoreOutcome>> JudgedMailbox::store(StoreRequest request) {
  const Rights had = rights();
  if (place_.own() || (had & kFlagRights) == kFlagRights) return inner_->store(std::move(request));
  return store_some(std::move(request), permitted_flags(had));
}

/// RFC 4314 §4: what may be changed is changed, the rest is left as it is; an error only where nothing may be.
io::Task<Result<StoreOutcome>> JudgedMailbox::store_some(StoreRequest request, KeptFlags permitted) {
  const auto allowed = [&](FlagList flags) {
    flags.system &= permitted.system;
    if (!permitted.keywords) flags.keywords.clear();
    return flags;
  };
  FlagList wanted = allowed(request.flags);
  const bool nothing = permitted.system == 0 && !permitted.keywords;
  if (nothing || (empty(wanted) && !empty(request.flags)))
    co_return fail(kNoPermission, "You have not the right to change these flags");
  if (request.change != FlagChange::replace) {
    request.flags = std::move(wanted);
    co_return co_await inner_->store(std::move(request));
  }
  // Two steps, as those flags stay that are not this user's to change. The condition is judged with the first.
  const auto view = inner_->view();
  if (view == nullptr) co_return fail(kNonExistent, "The mailbox was deleted");
  StoreRequest off = request;
  off.change = FlagChange::remove;
  off.flags = allowed(
      {.system = static_cast<Flags>(kAllFlags & ~wanted.system), .keywords = other_keywords(*view, wanted.keywords)});
  StoreOutcome outcome = CO_TRY(co_await inner_->store(std::move(off)));
  if (empty(wanted)) co_return outcome;
  request.uids = request.uids.difference(outcome.modified);
  request.unchanged_since.reset();
  request.change = FlagChange::add;
  request.flags = std::move(wanted);
  const StoreOutcome added = CO_TRY(co_await inner_->store(std::move(request)));
  if (added.modseq != 0) outcome.modseq = added.modseq;
  co_return outcome;
}

io::Task<Result<NumberSet>> JudgedMailbox::expunge(std::optional<NumberSet> uids) {
  if (!place_.own() && (rights() & kRightExpunge) == 0) co_return missing_right(rights() | kRightLookup);
  co_return co_await inner_->expunge(std::move(uids));
}

io::Task<Result<CopyOutcome>> JudgedMailbox::copy(NumberSet uids, std::string target, CopyMode mode) {
  const SharingAccount::Place to = CO_TRY(co_await account_->target(std::move(target)));
  // RFC 6851 §4.2: as UID STORE of \Deleted, UID COPY and UID EXPUNGE.
  if (mode == CopyMode::move && !place_.own() && (rights() & kMoveRights) != kMoveRights)
    co_return missing_right(rights() | kRightLookup);
  const bool all_flags = to.own() || to.may(kFlagRights);
  CopyOutcome outcome = to.account == place_.account && all_flags
                            ? CO_TRY(co_await inner_->copy(std::move(uids), to.name, mode))
                            : CO_TRY(co_await inner_->copy_to(std::move(uids), *to.account, to.name, mode,
                                                              to.own() ? KeptFlags{} : permitted_flags(to.rights)));
  // RFC 9051 §6.4.7: no COPYUID to who may not select the target.
  if (!to.own() && !to.may(kRightRead)) outcome = {.from = {}, .to = {}, .not_removed = std::move(outcome.not_removed)};
  co_return outcome;
}

io::Task<Result<CopyOutcome>> JudgedMailbox::copy_to(NumberSet uids, Account& account, std::string target,
                                                     CopyMode mode, KeptFlags kept) {
  return inner_->copy_to(std::move(uids), account, std::move(target), mode, kept);
}

io::Task<Result<NumberSet>> JudgedMailbox::vanished(std::uint64_t modseq, NumberSet known) {
  return inner_->vanished(modseq, std::move(known));
}

io::ValueOrTask<Result<TextBatch>> JudgedMailbox::texts(std::span<const Entry> messages, std::uint32_t wanted,
                                                        message::ImapForm form) {
  if (!readable()) return Result<TextBatch>(unreadable());
  if (place_.own() || (wanted & (kFetchEmailId | kFetchThreadId)) == 0) return inner_->texts(messages, wanted, form);
  return texts_with_ids(messages, wanted, form);
}

io::Task<Result<std::vector<char>>> JudgedMailbox::match(std::span<const Entry> messages, TextKey key) {
  if (!readable()) co_return unreadable();
  co_return co_await inner_->match(messages, key);
}

io::Task<Result<std::shared_ptr<const Candidates>>> JudgedMailbox::candidates(TextKey key) {
  if (!readable()) co_return unreadable();
  co_return co_await inner_->candidates(key);
}

/// Ids of messages are of one account alone, too (RFC 8474 §5), but for those of copies.
io::Task<Result<TextBatch>> JudgedMailbox::texts_with_ids(std::span<const Entry> messages, std::uint32_t wanted,
                                                          message::ImapForm form) {
  TextBatch batch = CO_TRY(co_await inner_->texts(messages, wanted, form));
  struct Kept {
    std::shared_ptr<const void> owner;
    std::deque<std::string> ids;  // which do not move
  };
  const auto kept = std::make_shared<Kept>();
  kept->owner = std::move(batch.owner);
  for (MessageTexts& text : batch.messages) {
    if (!text.email_id.empty()) text.email_id = kept->ids.emplace_back(account_->email_id(text.email_id, place_));
    if (!text.thread_id.empty())
      text.thread_id = kept->ids.emplace_back(std::string(text.thread_id) + "-" + place_.key);
  }
  batch.owner = kept;
  co_return batch;
}

}  // namespace angarium::protocol::imap
