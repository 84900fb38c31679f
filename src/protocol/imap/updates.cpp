// Untagged responses about the selected mailbox: EXISTS, RECENT, EXPUNGE or VANISHED, FETCH, FLAGS (RFC 9051 §7).
#include <algorithm>

#include "protocol/imap/contexts.h"
#include "protocol/imap/fetcher.h"

namespace angarium::protocol::imap {
namespace {

/// Without gaps, which a new keyword may fill.
std::size_t keyword_count(std::span<const std::string> names) {
  return static_cast<std::size_t>(std::ranges::count_if(names, [](const auto& name) { return !name.empty(); }));
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
  if (!has(kUidOnly) && (addressing == Addressing::uid || has(kQresync) || has(kImap4rev2))) {
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
  const auto put_all = [&] {
    bool first = true;
    append_flags(out, kAllFlags, first);
    for (const auto& name : names) {
      if (!name.empty()) (out += ' ') += name;
    }
  };
  out += "* FLAGS (";
  put_all();
  out += ")\r\n* OK [PERMANENTFLAGS (";
  if (!selected->read_only()) {
    put_all();
    if (selected->view().keywords_can_be_made()) out += " \\*";
  }
  out += selected->read_only() ? ")] No flag can be changed\r\n" : ")] These stay\r\n";
  selected->keywords_told = keyword_count(names);
}

std::optional<News> Session::adopt_news() {
  bool alive = true;
  auto news = selected->adopt(alive);
  if (alive) {
    if (selected->contexts != nullptr) selected->contexts->note(news);
    return news;
  }
  // RFC 2180 §3: what is deleted under a session ends it.
  bye("The selected mailbox was deleted or replaced");
  after = After::end;
  leave();
  return std::nullopt;
}

void Session::tell_changes(const NumberSet& quiet) {
  if (selected == nullptr) return;
  if (auto news = adopt_news())
    tell_adopted(*std::move(news), CommandRow::Expunges::withheld, Addressing::sequence, &quiet);
}

io::ValueOrTask<Result<void>> Session::tell_news(CommandRow::Expunges expunges, Addressing addressing) {
  if (selected == nullptr) return Result<void>{};
  if (selected->contexts != nullptr) return tell_with_contexts(expunges, addressing);
  if (auto news = adopt_news()) tell_adopted(*std::move(news), expunges, addressing, nullptr);
  return Result<void>{};
}

io::Task<Result<void>> Session::tell_with_contexts(CommandRow::Expunges expunges, Addressing addressing) {
  auto news = adopt_news();
  if (!news) co_return Result<void>{};
  auto& contexts = *selected->contexts;
  CO_TRY(co_await contexts.refresh(*this));
  // RFC 5267 §4.3.4: while the numbers of what is expunged are valid.
  CO_TRY(co_await contexts.tell_gone(*this));
  tell_adopted(*std::move(news), expunges, addressing, nullptr);
  // RFC 5465 §7: EXISTS, then what is shown of new messages, then ADDTO.
  for (const auto& [uids, wanted] : contexts.shown()) {
    const auto shown = co_await Fetcher(*this, *wanted, Addressing::uid).run({uids, Addressing::uid});
    if (!shown && shown.error().is(kSessionOver)) co_return shown;
    if (!shown) note(shown.error());
  }
  CO_TRY(co_await contexts.tell_moved(*this));
  if (contexts.empty()) selected->contexts.reset();
  co_return Result<void>{};
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
  }
  if (news.arrived) tell_exists();
  if (keyword_count(selected->view().keywords()) != selected->keywords_told) tell_flags();
  for (const auto& target : news.changed) {
    if (quiet == nullptr || !quiet->contains(target.entry.uid)) tell_message(target, addressing);
  }
}

void Session::enable_condstore() {
  if (has(kCondstore)) return;
  enabled |= kCondstore;
  if (selected == nullptr) return;
  untagged(Status::ok, "Highest", "HIGHESTMODSEQ " + std::to_string(selected->view().highest_modseq()));
}

}  // namespace angarium::protocol::imap
