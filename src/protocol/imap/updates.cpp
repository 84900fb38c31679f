// Untagged responses about the selected mailbox: EXISTS, RECENT, EXPUNGE or VANISHED, FETCH, FLAGS (RFC 9051 §7).
#include <algorithm>

#include "protocol/imap/contexts.h"
#include "protocol/imap/fetcher.h"
#include "protocol/imap/notifications.h"
#include "protocol/imap/sharing.h"

namespace angarium::protocol::imap {
namespace {

/// Without gaps, which a new keyword may fill.
std::size_t keyword_count(std::span<const std::string> names) {
  return static_cast<std::size_t>(std::ranges::count_if(names, [](const auto& name) { return !name.empty(); }));
}

/// All that either wants.
FetchProgram united(FetchProgram one, const FetchProgram& other) {
  one.items |= other.items;
  for (const auto& item : other.sections) {
    if (std::ranges::find(one.sections, item) == one.sections.end()) one.sections.push_back(item);
  }
  return one;
}

}  // namespace

void Session::append_flag_list(std::string& out, const Entry& entry) const {
  bool first = true;
  append_flags(out, has(kImap4rev2) ? entry.flags : selected->flags_of(entry), first);
  const auto names = selected->view().keywords();
  const auto put = [&](std::size_t index) {
    if (index >= names.size() || names[index].empty()) return;
    if (!first) out += ' ';
    first = false;
    out += names[index];
  };
  for (auto bits = entry.keywords; bits != 0; bits &= bits - 1) put(static_cast<std::size_t>(__builtin_ctzll(bits)));
  if (entry.spilled) {
    for (const auto index : selected->view().spilled_keywords(entry)) put(index);
  }
}

void Session::open_fetch(const Target& target) {
  auto& out = text();
  out += "* ";
  append_number(out, has(kUidOnly) ? target.entry.uid : target.sequence);
  out += has(kUidOnly) ? " UIDFETCH (" : " FETCH (";
}

void Session::tell_message(const Target& target, Addressing addressing) {
  auto& out = text();
  open_fetch(target);
  // RFC 7162 §3.2.4: UID in every FETCH once QRESYNC is on; RFC 9051 §6.4.9 for UID commands. UIDFETCH begins with it.
  // RFC 5465 §5.1: with NOTIFY, too.
  if (!has(kUidOnly) &&
      (addressing == Addressing::uid || has(kQresync) || has(kImap4rev2) || notifications != nullptr)) {
    out += "UID ";
    append_number(out, target.entry.uid);
    out += ' ';
  }
  out += "FLAGS (";
  append_flag_list(out, target.entry);
  out += ')';
  if (has(kCondstore)) {
    out += " MODSEQ (";
    append_number(out, target.entry.modseq);
    out += ')';
  }
  out += ")\r\n";
}

void Session::tell_exists() {
  auto& out = text();
  out += "* ";
  append_number(out, selected->exists());
  out += " EXISTS\r\n";
  // RFC 9051 dropped RECENT.
  if (has(kImap4rev2)) return;
  out += "* ";
  append_number(out, selected->recent_count());
  out += " RECENT\r\n";
}

void Session::tell_flags() {
  auto& out = text();
  const auto names = selected->view().keywords();
  bool first = true;
  const auto put_keywords = [&] {
    for (const auto& name : names) {
      if (!name.empty()) (out += first ? "" : " ") += name;
      first = first && name.empty();
    }
  };
  out += "* FLAGS (";
  append_flags(out, kAllFlags, first);
  put_keywords();
  out += ")\r\n* OK [PERMANENTFLAGS (";
  first = true;
  // RFC 4314 §5.1.1: those that this user may change.
  const auto rights = selected->flag_rights();
  const auto permitted = permitted_flags(rights);
  append_flags(out, permitted.system, first);
  if (permitted.keywords) {
    put_keywords();
    if (selected->view().keywords_can_be_made()) out += " \\*";
  }
  out += rights == 0 ? ")] No flag can be changed\r\n" : ")] These stay\r\n";
  selected->keywords_told = keyword_count(names);
  selected->flag_rights_told = rights;
}

std::optional<News> Session::adopt_news() {
  bool alive = true;
  auto news = selected->adopt(alive);
  if (alive) {
    if (selected->contexts != nullptr) selected->contexts->note(news);
    return news;
  }
  // RFC 2180 §3: what is deleted under a session ends it; RFC 4314 §5.1.1: so does a right to read that is gone.
  const bool unreadable = !selected->may(kRightRead) && !selected->mailbox().name().empty();
  bye(unreadable ? "The selected mailbox may no longer be read" : "The selected mailbox was deleted or replaced");
  after = After::end;
  leave();
  return std::nullopt;
}

void Session::tell_changes(const NumberSet& quiet) {
  if (selected == nullptr) return;
  if (auto news = adopt_news())
    tell_adopted(*std::move(news), CommandRow::Expunges::withheld, Addressing::sequence, &quiet);
}

void Session::look_again() {
  // RFC 5465 §3.1: without events the selected mailbox stays as the client knows it.
  if (notifications == nullptr || notifications->selected_events() != 0) tell_changes({});
}

io::ValueOrTask<Result<void>> Session::tell_news(CommandRow::Expunges expunges, Addressing addressing) {
  if (selected == nullptr) return Result<void>{};
  if (selected->contexts != nullptr || (notifications != nullptr && notifications->shown() != nullptr))
    return tell_with_more(expunges, addressing);
  if (auto news = adopt_news()) tell_adopted(*std::move(news), expunges, addressing, nullptr);
  return Result<void>{};
}

NumberSet Session::take_new() {
  NumberSet uids;
  Entry entry;
  const auto& view = selected->view();
  for (auto index = view.lower_bound(selected->show_from); view.read(index, {&entry, 1}) == 1; ++index)
    uids.add(entry.uid);
  selected->show_from = view.uid_next();
  // RFC 5465 §5.2: not those that this session made.
  return uids.difference(std::exchange(selected->own, {}));
}

io::Task<Result<void>> Session::show(NumberSet uids, FetchProgram wanted) {
  if (uids.empty()) co_return Result<void>{};
  // RFC 7162 §3.2: in every FETCH that nobody asked for now; §3.2.4: and the UID, once QRESYNC is on.
  if (has(kCondstore)) wanted.items |= kFetchModseq;
  if (has(kQresync) && !has(kUidOnly)) wanted.items |= kFetchUid;
  auto shown = co_await Fetcher(*this, std::move(wanted), Addressing::sequence).run({std::move(uids), Addressing::uid});
  if (!shown && shown.error().is(kSessionOver)) co_return shown;
  if (!shown) note(shown.error());
  co_return Result<void>{};
}

io::Task<Result<void>> Session::tell_with_more(CommandRow::Expunges expunges, Addressing addressing) {
  auto news = adopt_news();
  if (!news) co_return Result<void>{};
  auto* const contexts = selected->contexts.get();
  if (contexts != nullptr) {
    CO_TRY(co_await contexts->refresh(*this));
    // RFC 5267 §4.3.4: while the numbers of what is expunged are valid.
    CO_TRY(co_await contexts->tell_gone(*this));
  }
  tell_adopted(*std::move(news), expunges, addressing, nullptr);
  const auto* const wanted = notifications == nullptr ? nullptr : notifications->shown();
  auto fresh = wanted == nullptr ? NumberSet{} : take_new();
  if (contexts != nullptr) {
    // RFC 5465 §7: EXISTS, then what is shown of new messages, then ADDTO; with what NOTIFY wants of them.
    for (const auto& [uids, items] : contexts->shown()) {
      const auto both = uids.intersection(fresh);
      if (wanted != nullptr) CO_TRY(co_await show(both, united(*items, *wanted)));
      CO_TRY(co_await show(uids.difference(both), *items));
      fresh = fresh.difference(both);
    }
    CO_TRY(co_await contexts->tell_moved(*this));
    if (contexts->empty()) selected->contexts.reset();
  }
  // RFC 5465 §5.2: after ADDTO.
  if (wanted != nullptr) CO_TRY(co_await show(std::move(fresh), *wanted));
  co_return Result<void>{};
}

io::ValueOrTask<Result<void>> Session::tell_events(CommandRow::Expunges expunges, Addressing addressing) {
  if (notifications != nullptr) return tell_notified(expunges, addressing);
  return tell_news(expunges, addressing);
}

io::Task<Result<void>> Session::tell_notified(CommandRow::Expunges expunges, Addressing addressing) {
  // RFC 5465 §3.1: without events the selected mailbox stays as the client knows it.
  if (notifications->selected_events() != 0) CO_TRY(co_await tell_news(expunges, addressing));
  if (after == After::end) co_return Result<void>{};  // nothing goes behind BYE
  CO_TRY(co_await notifications->tell_changes(*this));
  co_return Result<void>{};
}

io::Task<Result<void>> Session::tell_between_commands() {
  if (selected != nullptr) CO_TRY(co_await selected->mailbox().renew());
  const auto expunges = notifications->delayed() ? CommandRow::Expunges::withheld : CommandRow::Expunges::told;
  CO_TRY(co_await tell_notified(expunges, Addressing::sequence));
  tell_annotations();
  tell_url_keys();
  co_return Result<void>{};
}

bool Session::tells_flag_changes() const {
  // An event that NOTIFY may leave out.
  return notifications == nullptr || (notifications->selected_events() & kEventFlagChange) != 0;
}

void Session::tell_adopted(News news, CommandRow::Expunges expunges, Addressing addressing, const NumberSet* quiet) {
  const bool may_expunge = expunges == CommandRow::Expunges::told || addressing == Addressing::uid;
  if (may_expunge && selected->has_ghosts()) {
    const auto gone = selected->take_ghosts();
    auto& out = text();
    if (has(kQresync) || has(kUidOnly)) {
      // RFC 7162 §3.2.10, RFC 9586 §3.6: VANISHED instead of EXPUNGE.
      NumberSet uids;
      for (const auto& target : gone) uids.add(target.entry.uid);
      out += "* VANISHED ";
      uids.append_to(out);
      out += "\r\n";
    } else {
      // From the end, so that no number moves before it is told.
      for (auto target = gone.rbegin(); target != gone.rend(); ++target) {
        out += "* ";
        append_number(out, target->sequence);
        out += " EXPUNGE\r\n";
      }
    }
    for (auto& target : news.changed) {
      if (const auto now = selected->find(target.entry.uid)) target = *now;
    }
  } else if (quiet == nullptr && has(kQresync) && selected->has_ghosts() && tells_flag_changes()) {
    // RFC 7162 §3.2: higher mod-sequences may be told now; who trusted those would never hear of what is withheld. Who
    // hears of no flags by NOTIFY could trust none.
    untagged(Status::ok, "VANISHED comes later", "HIGHESTMODSEQ " + std::to_string(selected->modseq_before_ghosts()));
  }
  if (news.arrived) tell_exists();
  // RFC 4314 §5.1.1: rights that changed, too.
  if (keyword_count(selected->view().keywords()) != selected->keywords_told ||
      selected->flag_rights() != selected->flag_rights_told)
    tell_flags();
  if (!tells_flag_changes()) return;
  for (const auto& target : news.changed) {
    if (quiet == nullptr || !quiet->contains(target.entry.uid)) tell_message(target, addressing);
  }
}

void Session::tell_annotations() {
  if (annotations == nullptr || after == After::end) return;
  for (const auto& [mailbox, entry] : annotations->take()) {
    if (!has(kMetadata) && (notifications == nullptr || !notifications->wants_annotations_of(mailbox))) continue;
    auto& out = text();
    out += "* METADATA ";
    append_mailbox(out, mailbox, names());
    out += ' ';
    append_astring(out, entry, message::ImapForm::ascii);
    out += "\r\n";
  }
}

void Session::tell_url_keys() {
  if (selected == nullptr) return;
  const auto removed = selected->mailbox().url_key().removed;
  if (removed > selected->url_keys_removed) untagged(Status::ok, "The key for URLs is another now", "URLMECH INTERNAL");
  selected->url_keys_removed = removed;
}

void Session::enable_condstore() {
  if (has(kCondstore)) return;
  enabled |= kCondstore;
  if (selected == nullptr) return;
  untagged(Status::ok, "Highest", "HIGHESTMODSEQ " + std::to_string(selected->view().highest_modseq()));
}

}  // namespace angarium::protocol::imap
