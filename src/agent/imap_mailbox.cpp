#include "agent/imap_mailbox.h"

#include <algorithm>

#include "agent/imap_account.h"
#include "agent/imap_texts.h"
#include "base/log.h"
#include "io/gather.h"
#include "mailbox/limits.h"
#include "protocol/imap/error.h"
#include "protocol/imap/limits.h"

namespace angarium::agent {
namespace {

namespace imap = protocol::imap;

/// Octets read at a time: bounds what one slow reader holds.
constexpr std::size_t kReadOctets = 256 * 1024;

imap::Entry imap_entry(const mailbox::View& view, const mailbox::Entry& entry) {
  const mailbox::Sizes sizes = view.sizes_of(entry);
  return {.email = entry.email,
          .modseq = entry.modseq,
          .keywords = entry.keywords,
          .date = {.seconds = entry.date, .zone_minutes = entry.zone_minutes()},
          .saved = view.saved_of(entry),
          .size = sizes.original,
          .ascii_size = sizes.ascii,
          .uid = entry.uid,
          .flags = static_cast<imap::Flags>(entry.flags()),
          .spilled = entry.spilled != 0,
          .ascii_form = entry.ascii_form != 0};
}
// Both rooms number the system flags alike.
static_assert(imap::kSeen == mailbox::kSeen && imap::kAnswered == mailbox::kAnswered &&
              imap::kFlagged == mailbox::kFlagged && imap::kDeleted == mailbox::kDeleted &&
              imap::kDraft == mailbox::kDraft);

static_assert(imap::kKeywordMax == mailbox::kKeywordMax, "a keyword that the one takes the other must keep");

imap::Octets owned(std::string octets) {
  auto owner = std::make_shared<const std::string>(std::move(octets));
  const std::string_view view = *owner;
  return {view, std::move(owner)};
}

std::unexpected<Error> read_only() { return fail(imap::kReadOnly, "The mailbox is open read-only"); }

bool damaged(const Error& error) { return error.is(store::kDamaged) || error.is(mailbox::kDamaged); }

}  // namespace

imap::NumberSet imap_set(const mailbox::UidSet& uids) {
  imap::NumberSet numbers;
  for (const mailbox::UidRange range : uids.ranges()) numbers.add(imap::Range{range.first, range.last});
  return numbers;
}

mailbox::UidSet uid_set(const imap::NumberSet& numbers) {
  mailbox::UidSet uids;
  for (const imap::Range range : numbers.ranges()) uids.add(mailbox::UidRange{range.first, range.last});
  return uids;
}

std::size_t ImapView::read(std::size_t index, std::span<imap::Entry> into) const {
  std::size_t count = 0;
  view_->for_each(static_cast<std::uint32_t>(index + 1),
                  static_cast<std::uint32_t>(std::min<std::size_t>(index + into.size(), view_->size())),
                  [&](std::uint32_t, const mailbox::Entry& entry) { into[count++] = imap_entry(*view_, entry); });
  return count;
}

std::size_t ImapView::first_unseen() const {
  const std::uint32_t sequence = view_->first_unseen();
  return sequence == 0 ? view_->size() : sequence - 1;
}

std::vector<std::uint16_t> ImapView::spilled_keywords(const imap::Entry& entry) const {
  const mailbox::Entry* found = view_->find(entry.uid);
  return found == nullptr ? std::vector<std::uint16_t>() : view_->keywords_of(*found).high;
}

/// What a session watches, for as long as it wants to be told.
struct ImapMailbox::Watched {
  void begin(mailbox::AccountMail& mail, mailbox::MailboxId mailbox) {
    watch = mail.watch(mailbox, [told = &event] { told->set_from_any_thread(); });
  }

  io::Event& event;
  std::unique_ptr<mailbox::Watch> watch;
};

class ImapMailbox::Watching final : public imap::Watcher {
 public:
  explicit Watching(std::shared_ptr<Watched> watched) : watched_(std::move(watched)) {}

 private:
  std::shared_ptr<Watched> watched_;
};

ImapMailbox::ImapMailbox(Searching& searching, store::Tablet& tablet, mailbox::MailboxStore& store,
                         mailbox::AccountMailPtr mail, mailbox::MailboxInfo info, mailbox::ViewPtr view,
                         imap::Access access, Copies copies, std::vector<std::string> reader)
    : searching_(searching),
      tablet_(tablet),
      store_(store),
      mail_(std::move(mail)),
      info_(std::move(info)),
      view_(std::make_shared<ImapView>(std::move(view))),
      copies_(copies),
      reader_(std::move(reader)) {
  facts_.uid_validity = info_.uid_validity;
  facts_.id = mailbox::mailbox_id_text(info_.id);
  facts_.access = access;
}

std::string ImapMailbox::name() const {
  const mailbox::ListingPtr listing = mail_->listing();
  const mailbox::MailboxInfo* const info = listing->find(info_.id);
  return info == nullptr ? std::string() : info->name;
}

/// After a failure of the store the account is another object; its views go on where those of the old one ended.
io::ValueOrTask<Result<void>> ImapMailbox::renew() {
  ascii_ = nullptr;  // a session that waits for its client holds no form of a message
  if (gone_ || !mail_->stale()) return Result<void>();
  return load();
}

io::Task<Result<void>> ImapMailbox::load() {
  auto loaded = co_await store_.account(mail_->id());
  if (!loaded && loaded.error().is(mailbox::kNoMailbox)) gone_ = true;
  // Not possible yet: the store is not whole, or something of the old object is still on its way.
  if (!loaded || (*loaded)->stale()) co_return Result<void>();
  const mailbox::AccountMailPtr mail = *std::move(loaded);
  auto view = co_await mail->view(info_.id);
  if (!view) {
    gone_ = view.error().is(mailbox::kNoMailbox) || view.error().is(mailbox::kNotSelectable);
    co_return Result<void>();
  }
  mail_ = mail;
  hold(nullptr);
  if (const auto watched = watched_.lock()) watched->begin(*mail_, info_.id);
  co_return Result<void>();
}

std::shared_ptr<const imap::View> ImapMailbox::view() const {
  // The bit first, then the view: a change in between sets it anew. Left set, it would never wake us again.
  if (const auto watched = watched_.lock()) (void)watched->watch->take();
  if (gone_) return nullptr;
  mailbox::ViewPtr latest = mail_->view_now(info_.id);
  // A stale account learns nothing new; what it shows was durable.
  if (!latest && mail_->stale()) return view_;
  if (!latest) {
    // What is watched stays in memory: the mailbox is gone, or only its name is left.
    const mailbox::ListingPtr listing = mail_->listing();
    const mailbox::MailboxInfo* const info = listing->find(info_.id);
    return info == nullptr || !info->selectable ? nullptr : view_;
  }
  if (latest != view_->inner()) view_ = std::make_shared<ImapView>(std::move(latest));
  return view_;
}

imap::Delta ImapMailbox::delta(const imap::View& from, const imap::View& to) const {
  const mailbox::View& older = *static_cast<const ImapView&>(from).inner();
  const mailbox::View& newer = *static_cast<const ImapView&>(to).inner();
  const mailbox::ViewDifference difference = mailbox::difference(older, newer);
  imap::Delta delta;
  older.for_each(difference.expunged, [&](std::uint32_t, const mailbox::Entry& entry) {
    delta.expunged.push_back(imap_entry(older, entry));
  });
  difference.changed.for_each([&](mailbox::Uid uid) { delta.changed.push_back(uid); });
  return delta;
}

imap::UrlKeyState ImapMailbox::url_key() const {
  return {.kept = mail_->url_key(info_.id).has_value(), .removed = mail_->url_keys_removed(info_.id)};
}

std::uint32_t ImapMailbox::recent_above([[maybe_unused]] std::uint32_t uid) {
  const mailbox::Uid from =
      facts_.access == imap::Access::read_write ? mail_->take_recent(info_.id) : mail_->peek_recent(info_.id);
  return from - 1;
}

std::unique_ptr<imap::Watcher> ImapMailbox::watch(io::Event& event) {
  const auto watched = std::make_shared<Watched>(event, nullptr);
  watched->begin(*mail_, info_.id);
  watched_ = watched;
  return std::make_unique<Watching>(watched);
}

io::Task<Result<imap::StoreOutcome>> ImapMailbox::store(imap::StoreRequest request) {
  if (facts_.access == imap::Access::read_only) co_return read_only();
  mailbox::FlagRequest wanted;
  switch (request.change) {
    case imap::FlagChange::replace: wanted.mode = mailbox::FlagMode::replace; break;
    case imap::FlagChange::add: wanted.mode = mailbox::FlagMode::add; break;
    case imap::FlagChange::remove: wanted.mode = mailbox::FlagMode::remove; break;
  }
  wanted.flags = {.system = request.flags.system, .keywords = std::move(request.flags.keywords)};
  auto changed = co_await mail_->change_flags(info_.id, uid_set(request.uids), std::move(wanted),
                                              {.unchanged_since = request.unchanged_since});
  if (!changed) co_return std::unexpected(imap_error(std::move(changed).error()));
  co_return imap::StoreOutcome{.modified = imap_set(changed->modified), .modseq = changed->modseq};
}

io::Task<Result<imap::NumberSet>> ImapMailbox::expunge(std::optional<imap::NumberSet> uids) {
  if (facts_.access == imap::Access::read_only) co_return read_only();
  auto expunged =
      co_await mail_->expunge(info_.id, uids ? uid_set(*uids) : mailbox::UidSet::all(), mailbox::ExpungeOnly::deleted);
  if (!expunged) co_return std::unexpected(imap_error(std::move(expunged).error()));
  co_return imap_set(expunged->expunged);
}

io::Task<Result<imap::CopyOutcome>> ImapMailbox::copy(imap::NumberSet uids, std::string target, imap::CopyMode mode) {
  if (copies_ == Copies::refused) co_return fail(imap::kNoPermission, "Guests change nothing");
  if (mode == imap::CopyMode::move && facts_.access == imap::Access::read_only) co_return read_only();
  const mailbox::ListingPtr listing = mail_->listing();
  const mailbox::MailboxInfo* to = listing->find(target);
  if (to == nullptr || !to->selectable) co_return fail(imap::kTryCreate, "There is no such mailbox");
  auto copied = mode == imap::CopyMode::copy ? co_await mail_->copy(info_.id, uid_set(uids), to->id)
                                             : co_await mail_->move(info_.id, uid_set(uids), to->id);
  if (!copied) co_return std::unexpected(imap_error(std::move(copied).error()));
  co_return imap::CopyOutcome{
      .uid_validity = copied->uid_validity, .from = imap_set(copied->source), .to = imap_set(copied->target)};
}

io::Task<Result<imap::NumberSet>> ImapMailbox::vanished(std::uint64_t modseq, imap::NumberSet known) {
  auto gone = co_await mail_->vanished(info_.id, modseq, uid_set(known));
  if (!gone) co_return std::unexpected(imap_error(std::move(gone).error()));
  co_return imap_set(*gone);
}

io::ValueOrTask<Result<imap::TextBatch>> ImapMailbox::texts(std::span<const imap::Entry> messages, std::uint32_t wanted,
                                                            message::ImapForm form) {
  return read_texts(messages, wanted, form);
}

io::Task<Result<imap::TextBatch>> ImapMailbox::read_texts(std::span<const imap::Entry> messages, std::uint32_t wanted,
                                                          message::ImapForm form) {
  TextCollector collector(messages.size(), wanted, form);
  std::vector<mailbox::EmailId> ids;
  ids.reserve(messages.size());
  for (const imap::Entry& message : messages) ids.push_back(message.email);
  auto read = co_await mail_->emails(ids, [&](std::size_t index, const mailbox::EmailView& view) {
    collector.add(index, view);
    return store::Step::next;
  });
  if (!read) co_return std::unexpected(imap_error(std::move(read).error()));
  // Texts too large to be kept ready are made anew from the message.
  for (const std::size_t index : collector.unready()) {
    auto email = co_await mail_->email(ids[index]);
    Error error(mailbox::kDamaged, "the structure of an email is damaged");
    if (!email) {
      error = email.error();
    } else if (auto octets = co_await mail_->read(*email, 0, (**email)->size); !octets) {
      error = octets.error();
    } else if (collector.make(index, (*email)->view(), *octets)) {
      continue;
    }
    if (damaged(error)) {
      log_damage(messages[index], error);
      collector.lose(index);
    } else if (error.is(mailbox::kExpunged)) {
      collector.forget(index);
    } else {
      co_return std::unexpected(imap_error(error));
    }
  }
  CO_TRY(co_await read_references(collector, messages));
  CO_TRY(co_await read_previews(collector, messages));
  co_return collector.finish();
}

/// Of emails whose references are not stored with them.
io::Task<Result<>> ImapMailbox::read_references(TextCollector& collector, std::span<const imap::Entry> messages) {
  for (const std::size_t index : collector.unreferred()) {
    auto email = co_await mail_->email(messages[index].email);
    if (!email && (damaged(email.error()) || email.error().is(mailbox::kExpunged))) continue;
    if (!email) co_return std::unexpected(imap_error(std::move(email).error()));
    const std::uint64_t header = std::min<std::uint64_t>(header_octets((*email)->view()), kReadOctets);
    auto octets = co_await mail_->read(*email, 0, static_cast<std::size_t>(header));
    if (!octets && !damaged(octets.error())) co_return std::unexpected(imap_error(std::move(octets).error()));
    // What can't be read refers to nothing.
    if (octets) collector.refer(index, *octets);
  }
  co_return Result<>();
}

/// Of emails whose preview is not stored with them.
io::Task<Result<>> ImapMailbox::read_previews(TextCollector& collector, std::span<const imap::Entry> messages) {
  for (const std::size_t index : collector.unpreviewed()) {
    auto email = co_await mail_->email(messages[index].email);
    if (!email && (damaged(email.error()) || email.error().is(mailbox::kExpunged))) continue;
    if (!email) co_return std::unexpected(imap_error(std::move(email).error()));
    const std::uint64_t beginning = std::min<std::uint64_t>((**email)->size, kReadOctets);
    auto octets = co_await mail_->read(*email, 0, static_cast<std::size_t>(beginning));
    if (!octets && !damaged(octets.error())) co_return std::unexpected(imap_error(std::move(octets).error()));
    // What can't be read says nothing.
    if (octets) collector.show(index, (*email)->view(), *octets);
  }
  co_return Result<>();
}

io::Task<Result<>> ImapMailbox::hold(std::uint64_t id, Form form) {
  if (!held(id)) {
    auto found = co_await mail_->email(id);
    if (!found) co_return std::unexpected(imap_error(std::move(found).error()));
    hold(*std::move(found));
  }
  if (form == Form::original || ascii_) co_return Result<>();
  auto ascii = co_await mailbox::ascii_form(mail_, last_);
  if (!ascii) co_return std::unexpected(imap_error(std::move(ascii).error()));
  ascii_ = *std::move(ascii);
  co_return Result<>();
}

bool ImapMailbox::hold_now(std::uint64_t id, Form form) {
  if (!held(id)) {
    auto found = mail_->email_now(id);
    if (!found) return false;
    hold(*std::move(found));
  }
  return form == Form::original || ascii_;
}

io::ValueOrTask<Result<imap::Octets>> ImapMailbox::read(const imap::Entry& message, message::ImapForm form,
                                                        std::uint64_t offset, std::uint64_t count) {
  const message::Range wanted{offset, std::min<std::uint64_t>(count, kReadOctets)};
  const Form of = form_of(message, form);
  if (!hold_now(message.email, of)) return read_waiting(message.email, of, wanted);
  const message::AsciiForm::Stretch stretch = stretch_of(of, wanted);
  // A copy: some octets of a header must not keep all of the form in memory until they are sent.
  if (!stretch.octets.empty()) return Result<imap::Octets>(owned(std::string(stretch.octets)));
  const auto [begin, size] = stretch.original;
  auto octets = mail_->read_now(*last_, begin, std::min<std::uint64_t>(size, last_->piece_from(begin)));
  if (!octets) return read_waiting(message.email, of, wanted);
  return Result<imap::Octets>(owned(*std::move(octets)));
}

io::Task<Result<imap::Octets>> ImapMailbox::read_waiting(std::uint64_t id, Form form, message::Range wanted) {
  CO_TRY(co_await hold(id, form));
  const message::AsciiForm::Stretch stretch = stretch_of(form, wanted);
  if (!stretch.octets.empty()) co_return owned(std::string(stretch.octets));
  const auto [begin, size] = stretch.original;
  auto octets = co_await mail_->read(last_, begin, std::min<std::uint64_t>(size, last_->piece_from(begin)));
  if (!octets) co_return std::unexpected(imap_error(std::move(octets).error()));
  co_return owned(*std::move(octets));
}

message::AsciiForm::Stretch ImapMailbox::stretch_of(Form form, message::Range wanted) const {
  if (form == Form::original) return {.octets = {}, .original = wanted};
  return ascii_->at(wanted.begin, wanted.size);
}

Result<std::shared_ptr<const message::Structure>> ImapMailbox::structure_of(Form form) const {
  auto structure = message_structure(last_->view());
  if (!structure) return fail(imap::kCorruption, "The structure of a message is damaged");
  if (form == Form::ascii) structure = ascii_->structure(*std::move(structure));
  return std::make_shared<const message::Structure>(*std::move(structure));
}

io::ValueOrTask<Result<std::shared_ptr<const message::Structure>>> ImapMailbox::structure(const imap::Entry& message,
                                                                                          message::ImapForm form) {
  const Form of = form_of(message, form);
  if (!hold_now(message.email, of)) return structure_waiting(message.email, of);
  return structure_of(of);
}

io::Task<Result<std::shared_ptr<const message::Structure>>> ImapMailbox::structure_waiting(std::uint64_t id,
                                                                                           Form form) {
  CO_TRY(co_await hold(id, form));
  co_return structure_of(form);
}

void ImapMailbox::log_damage(const imap::Entry& message, const Error& error) const {
  log::error("imap", "a message is damaged",
             {{"account", mail_->id()},
              {"mailbox", info_.name},
              {"uid", std::uint64_t{message.uid}},
              {"kind", error.kind().name},
              {"error", error.text()}});
}

io::Task<Result<std::vector<char>>> ImapMailbox::match(std::span<const imap::Entry> messages, imap::TextKey key) {
  // Shared, because the threads go on with what they began though this session may have ended.
  const auto matcher = std::make_shared<const TextMatcher>(key);
  const std::size_t count = std::min(searching_.side_by_side(), messages.size());
  std::vector<io::Task<Result<std::vector<char>>>> runs;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = messages.size() * i / count;
    runs.push_back(match_run(messages.subspan(begin, messages.size() * (i + 1) / count - begin), key, matcher));
  }
  std::vector<char> matches;
  matches.reserve(messages.size());
  for (auto& run : co_await io::gather(std::move(runs))) {
    if (!run) co_return std::unexpected(std::move(run).error());
    matches.insert(matches.end(), run->begin(), run->end());
  }
  co_return matches;
}

io::Task<Result<std::vector<char>>> ImapMailbox::match_run(std::span<const imap::Entry> messages, imap::TextKey key,
                                                           std::shared_ptr<const TextMatcher> matcher) {
  std::vector<mailbox::EmailId> emails;
  emails.reserve(messages.size());
  for (const imap::Entry& message : messages) emails.push_back(message.email);
  std::vector<char> matches;
  matches.reserve(messages.size());
  while (matches.size() < messages.size()) {
    const std::size_t begin = matches.size();
    if (begin != 0 && key.given_up && key.given_up()) co_return fail(imap::kBusy, "nobody waits for this search");
    auto turn =
        co_await match_turn(searched(), matcher, {emails.begin() + static_cast<std::ptrdiff_t>(begin), emails.end()});
    if (!turn) co_return std::unexpected(imap_error(std::move(turn).error()));
    for (const UnreadMessage& unread : turn->damaged) log_damage(messages[begin + unread.place], unread.error);
    matches.insert(matches.end(), turn->matches.begin(), turn->matches.end());
  }
  co_return matches;
}

io::Task<Result<std::shared_ptr<const imap::Candidates>>> ImapMailbox::candidates(imap::TextKey key) {
  co_return co_await find_candidates(searched(), key);
}

SearchedMail ImapMailbox::searched() const {
  return {.searching = searching_,
          .tablet = tablet_,
          .keys = store_.keys(),
          .account = mail_->id(),
          .party = reader_.empty() ? std::to_string(mail_->id()) : reader_.front()};
}

}  // namespace angarium::agent
