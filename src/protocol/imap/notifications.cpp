#include "protocol/imap/notifications.h"

#include <algorithm>

#include "protocol/imap/command/status.h"
#include "protocol/imap/mailbox_filter.h"
#include "protocol/imap/mailbox_name.h"

namespace angarium::protocol::imap {
namespace {

using Kind = MailboxFilter::Kind;

constexpr std::uint8_t kMessageEvents = kEventMessageNew | kEventMessageExpunge | kEventFlagChange;

bool of_selected(const EventGroup& group) {
  return group.filter.kind == Kind::selected || group.filter.kind == Kind::selected_delayed;
}

bool there(const NameRow& row) { return (row.attributes & kNameNonExistent) == 0; }
bool subscribed(const NameRow& row) { return (row.attributes & kNameSubscribed) != 0; }
std::uint32_t kind_of(const NameRow& row) { return row.attributes & (kNameNoSelect | kNameNonExistent); }

std::string_view parent_of(std::string_view name) {
  const auto at = name.rfind(kHierarchyDelimiter);
  return at == std::string_view::npos ? std::string_view() : name.substr(0, at);
}

/// Whether `name` is the other, or above or below it.
bool related(std::string_view name, std::string_view other) {
  const auto shorter = std::min(name.size(), other.size());
  if (name.substr(0, shorter) != other.substr(0, shorter)) return false;
  const auto longer = name.size() > other.size() ? name : other;
  return longer.size() == shorter || longer[shorter] == kHierarchyDelimiter;
}

void append_no_access(Session& session, std::string_view name) {
  session.text() += "* LIST (\\NoAccess) \"/\" ";
  append_mailbox(session.text(), name, session.names());
  session.text() += "\r\n";
}

}  // namespace

const EventGroup* Notifications::selected() const {
  const auto at = std::ranges::find_if(program_.groups, of_selected);
  return at == program_.groups.end() ? nullptr : &*at;
}

bool Notifications::delayed() const {
  return selected() != nullptr && selected()->filter.kind == Kind::selected_delayed;
}

const FetchProgram* Notifications::shown() const {
  return selected() != nullptr && selected()->items ? &*selected()->items : nullptr;
}

bool Notifications::wants_annotations() const {
  return std::ranges::any_of(program_.groups, [](const EventGroup& group) {
    return (group.events & (kEventMailboxMetadata | kEventServerMetadata)) != 0;
  });
}

bool Notifications::wants_annotations_of(std::string_view mailbox) const {
  if (mailbox.empty())
    return std::ranges::any_of(program_.groups,
                               [](const EventGroup& group) { return (group.events & kEventServerMetadata) != 0; });
  const auto known = known_.find(mailbox);
  return known != known_.end() && (known->second.events & kEventMailboxMetadata) != 0;
}

std::uint8_t Notifications::events_of(const NameRow& row, const Namespaces& namespaces) const {
  std::uint8_t events = 0;
  for (const auto& group : program_.groups) {
    if (!matches(group.filter, row, namespaces)) continue;
    // RFC 5465 §8: NONE is for mailboxes of which nothing is wanted, whatever other groups say.
    if (group.events == 0) return 0;
    events |= group.events;
  }
  if (kind_of(row) != 0) events &= static_cast<std::uint8_t>(~kMessageEvents);
  return events;
}

std::uint8_t Notifications::heard(const NameRow& row, const Namespaces& namespaces) const {
  // RFC 5465 §5: what is listed and may not be read is not told of.
  const bool unreadable = there(row) && (row.rights & kRightRead) == 0;
  return unreadable ? std::uint8_t{0} : events_of(row, namespaces);
}

bool Notifications::expected(std::string_view name) const {
  return std::ranges::any_of(expected_, [&](const auto& other) { return related(name, other); });
}

void Notifications::expect(std::string name) {
  if (watcher_ != nullptr) expected_.push_back(std::move(name));
}

void Notifications::expect_messages(Session& session, const std::string& name, const NumberSet& uids) {
  if (uids.empty()) return;
  if (session.selected == nullptr || session.selected->mailbox().name() != name) {
    if (watcher_ != nullptr) own_messages_[name] += uids.count();
    return;
  }
  for (const auto range : uids.ranges()) session.selected->own.add(range);
}

io::Task<Result<Notifications::Account>> Notifications::look(Session& session, std::vector<NameRow> rows) const {
  Account account;
  const auto namespaces = session.account->namespaces();
  std::size_t watched = 0;
  for (auto& row : rows) {
    const auto events = heard(row, namespaces);
    auto& known = account[row.name];
    const bool unreadable = there(row) && events == 0 && events_of(row, namespaces) != 0;
    known = {.row = std::move(row), .events = events, .unreadable = unreadable, .status = {}};
    if ((events & kMessageEvents) == 0) continue;
    if (++watched > kNotifyMailboxesMax) co_return fail(kNotificationOverflow, "Too many mailboxes to watch");
    auto status = co_await session.account->status(known.row.name);
    // Gone meanwhile, or not to be read: the next look tells.
    if (status) known.status = *std::move(status);
  }
  co_return account;
}

io::Task<Result<void>> Notifications::begin(Session& session) {
  if (std::ranges::all_of(program_.groups, of_selected)) co_return Result<void>{};
  watcher_ = session.account->watch(session.wake);
  auto rows = CO_TRY(co_await session.account->list());
  const auto namespaces = session.account->namespaces();
  for (const auto& row : rows) {
    // RFC 5465 §3.1.
    if (events_of(row, namespaces) == 0 || heard(row, namespaces) != 0) continue;
    append_no_access(session, row.name);
  }
  known_ = CO_TRY(co_await look(session, std::move(rows)));
  co_return Result<void>{};
}

io::Task<Result<void>> Notifications::tell_all(Session& session) {
  if (!program_.status) co_return Result<void>{};
  const auto selected_name = session.selected == nullptr ? std::string() : session.selected->mailbox().name();
  for (const auto& [name, known] : known_) {
    if (!known.status || name == selected_name) continue;
    std::uint32_t items = kStatusMessages | kStatusUidNext | kStatusUidValidity;
    if ((known.events & kEventFlagChange) != 0) items |= kStatusHighestModseq;
    command::append_status(session, name, items, *known.status);
    CO_TRY(co_await session.room());
  }
  co_return Result<void>{};
}

io::ValueOrTask<Result<void>> Notifications::tell_changes(Session& session) {
  if (watcher_ == nullptr || !watcher_->take()) return Result<void>{};
  return compare(session);
}

void Notifications::overflow(Session& session) {
  // RFC 5465 §5.8: as after NOTIFY NONE.
  session.untagged(Status::ok, "Too much to watch", "NOTIFICATIONOVERFLOW");
  program_.groups.clear();
  known_.clear();
  watcher_.reset();
}

io::Task<Result<void>> Notifications::compare(Session& session) {
  auto rows = co_await session.account->list();
  auto now = rows ? co_await look(session, *rows) : Result<Account>(std::unexpected(rows.error()));
  if (!now && now.error().is(kNotificationOverflow)) {
    overflow(session);
    co_return Result<void>{};
  }
  if (!now) {
    // What cannot be looked at now is told after the next change.
    session.note(now.error());
    co_return Result<void>{};
  }
  const auto names = command::gather_names(*std::move(rows));
  compare_names(session, *now, names, co_await compare_access(session, *now, names));
  expected_.clear();
  const auto selected_name = session.selected == nullptr ? std::string() : session.selected->mailbox().name();
  for (const auto& [name, known] : *now) {
    if (!known.status || name == selected_name) continue;
    const auto before = known_.find(name);
    compare_messages(session, name, before == known_.end() ? Known{} : before->second, known);
    CO_TRY(co_await session.room());
  }
  own_messages_.clear();
  known_ = *std::move(now);
  co_return Result<void>{};
}

/// RFC 5465 §5.9: what may not be told of any more, and what may again.
io::Task<Notifications::Names> Notifications::compare_access(Session& session, const Account& now,
                                                             const command::KnownNames& names) {
  Names told;
  for (const auto& [name, known] : now) {
    if (!there(known.row)) continue;
    const auto before = known_.find(name);
    const bool unreadable_before = before != known_.end() && before->second.unreadable;
    const bool lost_before = lost_.erase(name) > 0;
    if (known.unreadable && !unreadable_before && !lost_before) append_no_access(session, name);
    if (!known.unreadable && known.events != 0 && (unreadable_before || lost_before))
      command::append_listed(session, names, name, {});
    else if (!known.unreadable)
      continue;
    told.insert(name);
  }
  for (const auto& [name, known] : known_) {
    const auto after = now.find(name);
    const bool gone = after == now.end() || !there(after->second.row);
    if (!gone || !there(known.row) || (known.events == 0 && !known.unreadable) || expected(name)) continue;
    const auto hidden = co_await session.account->is_hidden(name);
    if (!hidden || !*hidden) continue;
    if (!known.unreadable) append_no_access(session, name);
    told.insert(name);
    if (lost_.size() < kNotifyMailboxesMax) lost_.insert(name);
  }
  co_return told;
}

void Notifications::compare_names(Session& session, const Account& now, const command::KnownNames& names,
                                  const Names& told) {
  const auto namespaces = session.account->namespaces();
  const auto wanted = [&](std::string_view name, std::uint8_t event) {
    const auto before = known_.find(name);
    const auto after = now.find(name);
    std::uint8_t events = 0;
    if (before != known_.end()) events |= before->second.events;
    if (after != now.end()) events |= after->second.events;
    if (before == known_.end() && after == now.end())
      events = events_of({std::string(name), kNameNonExistent, {}}, namespaces);
    return (events & event) != 0;
  };
  std::map<std::string, std::string> old_names;  // of mailboxes that have another one now, by the new one
  std::map<std::string_view, std::string_view> by_id;
  for (const auto& [name, known] : known_) {
    if (there(known.row) && !known.row.id.empty()) by_id.emplace(known.row.id, name);
  }
  std::set<std::string, std::less<>> moved;  // the old ones
  for (const auto& [name, known] : now) {
    const auto id = known.row.id.empty() || !there(known.row) ? by_id.end() : by_id.find(known.row.id);
    if (id == by_id.end() || id->second == name) continue;
    old_names.emplace(name, id->second);
    moved.emplace(id->second);
  }
  std::map<std::string, std::string, std::less<>> affected;  // names to tell, with their old ones
  const auto affect = [&](std::string_view name, std::uint8_t event) {
    if (!name.empty() && !told.contains(name) && !expected(name) && wanted(name, event))
      affected.emplace(name, std::string());
  };
  const auto affect_with_parent = [&](std::string_view name) {
    affect(name, kEventMailboxName);
    // RFC 5465 §5.4: its direct parent, too.
    affect(parent_of(name), kEventMailboxName);
  };
  for (const auto& [name, known] : now) {
    const auto before = known_.find(name);
    const bool known_before = before != known_.end() && there(before->second.row);
    if (const auto old = old_names.find(name); old != old_names.end()) {
      // RFC 5465 §5.4: those below are renamed with it, and not told of.
      const auto above = old_names.find(std::string(parent_of(name)));
      const bool implied = above != old_names.end() && above->second == parent_of(old->second);
      if (!implied && !expected(name) && (wanted(name, kEventMailboxName) || wanted(old->second, kEventMailboxName)))
        affected[name] = old->second;
    } else if (there(known.row) && (!known_before || before->second.row.id != known.row.id ||
                                    kind_of(before->second.row) != kind_of(known.row))) {
      affect_with_parent(name);
    }
    const bool subscribed_before = before != known_.end() && subscribed(before->second.row);
    if (subscribed(known.row) != subscribed_before) affect(name, kEventSubscriptionChange);
  }
  for (const auto& [name, known] : known_) {
    const auto after = now.find(name);
    const bool gone = after == now.end() || !there(after->second.row);
    if (there(known.row) && gone && !moved.contains(name)) affect_with_parent(name);
    if (after == now.end() && subscribed(known.row)) affect(name, kEventSubscriptionChange);
  }
  for (const auto& [name, old] : affected) command::append_listed(session, names, name, old);
}

void Notifications::compare_messages(Session& session, std::string_view name, const Known& before,
                                     const Known& now) const {
  const auto is = *now.status;
  // A mailbox that is new to the client had nothing.
  const auto was = before.status.value_or(StatusValues{.uid_validity = is.uid_validity, .id = {}, .append_limit = {}});
  // RFC 5465 §5: what this session put there itself, unless more has changed beside it.
  const auto own = own_messages_.find(name);
  if (own != own_messages_.end() && before.status && is.uid_validity == was.uid_validity &&
      is.messages == was.messages + own->second && is.uid_next == was.uid_next + own->second &&
      is.unseen >= was.unseen && is.unseen <= was.unseen + own->second)
    return;
  std::uint32_t items = 0;
  if (was.messages != is.messages || was.uid_next != is.uid_next) {
    items = kStatusMessages | kStatusUidNext | kStatusUidValidity;
    // RFC 5465 §5.2, §5.3.
    if (session.has(kCondstore)) items |= kStatusHighestModseq;
  }
  if (was.uid_validity != is.uid_validity) items |= kStatusMessages | kStatusUidNext | kStatusUidValidity;
  if ((now.events & kEventFlagChange) != 0) {
    if (was.unseen != is.unseen) items |= kStatusUidValidity | kStatusUnseen;
    if (session.has(kCondstore) && was.highest_modseq != is.highest_modseq && before.status)
      items |= kStatusUidValidity | kStatusHighestModseq;
  }
  if (items != 0) command::append_status(session, name, items, is);
}

}  // namespace angarium::protocol::imap
