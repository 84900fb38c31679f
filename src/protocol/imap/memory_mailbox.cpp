#include "protocol/imap/memory_mailbox.h"

#include <algorithm>
#include <map>

#include "base/text.h"

namespace angarium::protocol::imap {

std::size_t MemoryView::read(std::size_t index, std::span<Entry> into) const {
  if (index >= entries.size()) return 0;
  const auto count = std::min(into.size(), entries.size() - index);
  std::copy_n(entries.begin() + static_cast<std::ptrdiff_t>(index), count, into.begin());
  return count;
}

std::size_t MemoryView::lower_bound(std::uint32_t uid) const {
  return static_cast<std::size_t>(std::ranges::lower_bound(entries, uid, {}, &Entry::uid) - entries.begin());
}

Result<std::uint64_t> keyword_bits(std::vector<std::string>& names, const std::vector<std::string>& wanted) {
  std::uint64_t bits = 0;
  for (const auto& keyword : wanted) {
    auto at = std::ranges::find_if(names, [&](const auto& n) { return equals_ignore_case(n, keyword); });
    if (at == names.end()) {
      if (names.size() == kMemoryKeywordsMax) return fail(kLimit, "Too many keywords in this mailbox");
      at = names.insert(names.end(), keyword);
    }
    bits |= std::uint64_t{1} << (at - names.begin());
  }
  return bits;
}

MemoryMailbox::MemoryMailbox(std::shared_ptr<MemoryAccountState> account, std::shared_ptr<MemoryMailboxState> state,
                             Access access, std::vector<std::string> reader)
    : account_(std::move(account)), state_(std::move(state)), reader_(std::move(reader)) {
  facts_ = {.uid_validity = state_->uid_validity, .id = state_->id, .access = access};
}

std::string MemoryMailbox::name() const {
  for (const auto& [name, state] : account_->mailboxes) {
    if (state == state_) return name;
  }
  return {};
}

std::uint32_t MemoryMailbox::recent_above(std::uint32_t uid) {
  const auto above = state_->recent_above;
  if (facts_.access == Access::read_write) state_->recent_above = std::max(above, uid);
  return above;
}

std::unique_ptr<Watcher> MemoryMailbox::watch(io::Event& event) {
  class Registered : public Watcher {
   public:
    Registered(std::shared_ptr<MemoryMailboxState> state, io::Event& event) : state_(std::move(state)), event_(event) {
      state_->watchers.insert(&event_);
    }
    ~Registered() override { state_->watchers.erase(&event_); }

   private:
    std::shared_ptr<MemoryMailboxState> state_;
    io::Event& event_;
  };
  return std::make_unique<Registered>(state_, event);
}

io::Task<Result<StoreOutcome>> MemoryMailbox::store(StoreRequest request) {
  CO_TRY(account_->take_trouble());
  auto entries = state_->entries();
  auto names = state_->keywords();
  const auto bits = CO_TRY(keyword_bits(names, request.flags.keywords));
  StoreOutcome outcome;
  const auto modseq = account_->modseq + 1;
  for (auto& entry : entries) {
    if (!request.uids.contains(entry.uid)) continue;
    if (request.unchanged_since && entry.modseq > *request.unchanged_since) {
      outcome.modified.add(entry.uid);
      continue;
    }
    auto flags = request.flags.system;
    auto keywords = bits;
    if (request.change == FlagChange::add) {
      flags |= entry.flags;
      keywords |= entry.keywords;
    } else if (request.change == FlagChange::remove) {
      flags = static_cast<Flags>(entry.flags & ~flags);
      keywords = entry.keywords & ~keywords;
    }
    if (flags == entry.flags && keywords == entry.keywords) continue;
    entry.flags = flags;
    entry.keywords = keywords;
    entry.modseq = modseq;
    outcome.modseq = modseq;
  }
  if (outcome.modseq == 0) co_return outcome;
  account_->modseq = modseq;
  state_->publish(std::move(entries), state_->view->uid_next(), modseq, std::move(names));
  co_return outcome;
}

NumberSet MemoryMailbox::remove(const NumberSet& uids) {
  auto entries = state_->entries();
  NumberSet removed;
  const auto modseq = account_->modseq + 1;
  std::erase_if(entries, [&](const Entry& entry) {
    if (!uids.contains(entry.uid)) return false;
    removed.add(entry.uid);
    state_->tombstones[entry.uid] = modseq;
    account_->octets -= entry.size;
    return true;
  });
  if (removed.empty()) return removed;
  account_->modseq = modseq;
  state_->publish(std::move(entries), state_->view->uid_next(), modseq, state_->keywords());
  return removed;
}

io::Task<Result<NumberSet>> MemoryMailbox::expunge(std::optional<NumberSet> uids) {
  CO_TRY(account_->take_trouble());
  NumberSet doomed;
  for (const auto& entry : state_->entries()) {
    if ((entry.flags & kDeleted) != 0 && (!uids || uids->contains(entry.uid))) doomed.add(entry.uid);
  }
  co_return remove(doomed);
}

io::Task<Result<CopyOutcome>> MemoryMailbox::copy(NumberSet uids, std::string target, CopyMode mode) {
  CO_TRY(account_->take_trouble());
  if (account_->work_takes > Duration{}) co_await io::Loop::current().sleep_for(account_->work_takes);
  const auto to = account_->find(target);
  if (to == nullptr || !to->selectable) co_return fail(kTryCreate, "No such mailbox");
  const auto names = state_->keywords();
  auto target_names = to->keywords();
  auto copies = to->entries();
  CopyOutcome outcome{.uid_validity = to->uid_validity, .from = {}, .to = {}};
  auto uid = to->view->uid_next();
  const auto modseq = account_->modseq + 1;
  std::uint64_t octets = 0;
  for (auto entry : state_->entries()) {
    if (!uids.contains(entry.uid)) continue;
    outcome.from.add(entry.uid);
    outcome.to.add(uid);
    std::vector<std::string> keywords;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if ((entry.keywords >> i & 1) != 0) keywords.push_back(names[i]);
    }
    entry.keywords = CO_TRY(keyword_bits(target_names, keywords));
    entry.uid = uid++;
    entry.modseq = modseq;
    entry.saved = io::Loop::current().clock().wall().seconds();
    octets += entry.size;
    copies.push_back(entry);
  }
  if (outcome.from.empty()) co_return outcome;
  if (mode == CopyMode::copy && account_->octets + octets > account_->quota) co_return fail(kOverQuota, "Over quota");
  account_->octets += octets;
  account_->modseq = modseq;
  to->publish(std::move(copies), uid, modseq, std::move(target_names));
  if (mode == CopyMode::move) remove(outcome.from);
  co_return outcome;
}

namespace {

/// RFC 8474 §5.1: the EMAILID of a copy is that of what it was copied from.
std::string copied_id(const MemoryEmail& email, const std::string& from, const std::string& to) {
  std::string id = email.email_id;
  if (!id.contains('-')) return id + "-of" + from;
  if (id.ends_with("-of" + to)) id.erase(id.find('-'));
  return id;
}

}  // namespace

io::Task<Result<CopyOutcome>> MemoryMailbox::copy_to(NumberSet uids, Account& account, std::string target,
                                                     CopyMode mode, KeptFlags kept) {
  auto& other = static_cast<MemoryAccountOf&>(account).state();
  CO_TRY(other.take_trouble());
  const auto to = other.find(target);
  if (to == nullptr || !to->selectable) co_return fail(kTryCreate, "No such mailbox");
  const auto names = state_->keywords();
  auto target_names = to->keywords();
  auto copies = to->entries();
  CopyOutcome outcome{.uid_validity = to->uid_validity, .from = {}, .to = {}};
  auto uid = to->view->uid_next();
  std::uint64_t octets = 0;
  for (auto entry : state_->entries()) {
    const auto mail = email(entry);
    if (!uids.contains(entry.uid) || mail == nullptr) continue;
    outcome.from.add(entry.uid);
    outcome.to.add(uid);
    std::vector<std::string> keywords;
    for (std::size_t i = 0; i < names.size() && kept.keywords; ++i) {
      if ((entry.keywords >> i & 1) != 0) keywords.push_back(names[i]);
    }
    entry.email = other.keep(mail->octets, copied_id(*mail, account_->user, other.user))->id;
    entry.flags &= kept.system;
    entry.keywords = CO_TRY(keyword_bits(target_names, keywords));
    entry.uid = uid++;
    entry.modseq = other.modseq + 1;
    entry.saved = io::Loop::current().clock().wall().seconds();
    octets += entry.size;
    copies.push_back(entry);
  }
  if (outcome.from.empty()) co_return outcome;
  if (other.octets + octets > other.quota) co_return fail(kOverQuota, "Over quota");
  other.octets += octets;
  to->publish(std::move(copies), uid, ++other.modseq, std::move(target_names));
  if (mode == CopyMode::copy) co_return outcome;
  if (auto trouble = account_->take_trouble(); !trouble)
    outcome.not_removed = std::move(trouble).error();
  else
    remove(outcome.from);
  co_return outcome;
}

io::Task<Result<NumberSet>> MemoryMailbox::vanished(std::uint64_t modseq, NumberSet known) {
  NumberSet gone;
  for (const auto& [uid, at] : state_->tombstones) {
    if (at > modseq && known.contains(uid)) gone.add(uid);
  }
  co_return gone;
}

std::shared_ptr<const MemoryEmail> MemoryMailbox::email(const Entry& entry) const {
  const auto at = account_->emails.find(entry.email);
  return at == account_->emails.end() ? nullptr : at->second;
}

io::ValueOrTask<Result<TextBatch>> MemoryMailbox::texts(std::span<const Entry> messages, std::uint32_t wanted,
                                                        message::ImapForm form) {
  TextBatch batch;
  batch.messages.reserve(messages.size());
  std::vector<std::shared_ptr<const MemoryEmail>> keep;
  for (const auto& entry : messages) {
    auto found = email(entry);
    if (found == nullptr) {
      batch.missing.resize(messages.size());
      batch.missing[batch.messages.size()] = 1;
      batch.messages.emplace_back();
      continue;
    }
    const auto& texts = form == message::ImapForm::utf8 ? found->utf8 : found->ascii;
    batch.messages.push_back(
        {texts.envelope, texts.body, texts.body_structure, found->email_id, found->thread_id, found->references});
    if ((wanted & kFetchPreview) != 0 || found->id % kMemoryLazyEvery != 0)
      batch.messages.back().preview = found->preview;
    keep.push_back(std::move(found));
  }
  batch.owner = std::make_shared<const std::vector<std::shared_ptr<const MemoryEmail>>>(std::move(keep));
  return Result<TextBatch>(std::move(batch));
}

io::ValueOrTask<Result<Octets>> MemoryMailbox::read(const Entry& message, message::ImapForm form, std::uint64_t offset,
                                                    std::uint64_t count) {
  auto found = email(message);
  if (found == nullptr) return Result<Octets>(fail(kExpungeIssued, "The message is gone"));
  if (account_->damaged.contains(found->id)) return Result<Octets>(fail(kCorruption, "/secret: a body is damaged"));
  if (const auto from = account_->damaged_from.find(found->id); from != account_->damaged_from.end()) {
    if (offset >= from->second) return Result<Octets>(fail(kCorruption, "/secret: a body is damaged"));
    count = std::min(count, from->second - offset);
  }
  const bool ascii = form == message::ImapForm::ascii && found->ascii_form;
  const std::string_view octets = ascii ? found->ascii_form->octets : found->octets;
  const auto piece = offset < octets.size() ? octets.substr(offset, count) : std::string_view();
  return Result<Octets>(Octets{piece, std::move(found)});
}

io::ValueOrTask<Result<std::shared_ptr<const message::Structure>>> MemoryMailbox::structure(const Entry& message,
                                                                                            message::ImapForm form) {
  using Answer = Result<std::shared_ptr<const message::Structure>>;
  auto found = email(message);
  if (found == nullptr) return Answer(fail(kExpungeIssued, "The message is gone"));
  const bool ascii = form == message::ImapForm::ascii && found->ascii_form;
  const auto* structure = ascii ? &found->ascii_form->structure : &found->structure;
  return Answer(std::shared_ptr<const message::Structure>(std::move(found), structure));
}

io::Task<Result<std::vector<char>>> MemoryMailbox::match(std::span<const Entry> messages, TextKey key) {
  std::vector<char> found;
  if (account_->work_takes > Duration{}) co_await io::Loop::current().sleep_for(account_->work_takes);
  for (const auto& entry : messages) {
    const auto mail = email(entry);
    found.push_back(mail != nullptr ? matches_key(*mail, key) : 0);
  }
  co_return found;
}

namespace {

class MemoryCandidates final : public Candidates {
 public:
  explicit MemoryCandidates(std::map<std::uint32_t, char> found) : found_(std::move(found)) {}
  [[nodiscard]] Verdict of(const Entry& message) const override {
    if (message.uid % 3 == 0) return Verdict::look;
    return found_.contains(message.uid) ? Verdict::yes : Verdict::no;
  }
  [[nodiscard]] std::uint8_t score(const Entry& message) const override {
    return static_cast<std::uint8_t>(found_.at(message.uid));
  }
  [[nodiscard]] std::span<const float> weights() const override { return {}; }

 private:
  std::map<std::uint32_t, char> found_;  ///< by UID, as match() says it
};

}  // namespace

io::Task<Result<std::shared_ptr<const Candidates>>> MemoryMailbox::candidates(TextKey key) {
  key.collation = message::Collation::unicode_casemap;
  std::vector<Entry> all(state_->view->size());
  (void)state_->view->read(0, all);
  std::map<std::uint32_t, char> found;
  for (const auto& entry : all) {
    const auto mail = email(entry);
    const char matches = mail != nullptr ? matches_key(*mail, key) : '\0';
    if (matches != 0) found.emplace(entry.uid, matches);
  }
  co_return std::make_shared<const MemoryCandidates>(std::move(found));
}

}  // namespace angarium::protocol::imap
