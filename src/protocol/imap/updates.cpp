// Untagged responses about the selected mailbox: EXISTS, RECENT, EXPUNGE or VANISHED, FETCH, FLAGS (RFC 9051 §7).
#include <algorithm>

#include "protocol/imap/session.h"

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

void Session::tell_message(const Target& target, Addressing addressing) {
  auto& out = text();
  out += "* ";
  append_number(out, target.sequence);
  out += " FETCH (";
  // RFC 7162 §3.2.4: UID in every FETCH once QRESYNC is on; RFC 9051 §6.4.9 for UID commands.
  if (addressing == Addressing::uid || has(kQresync) || has(kImap4rev2)) {
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

void Session::tell_news(CommandRow::Expunges expunges, Addressing addressing, const NumberSet* quiet) {
  if (selected == nullptr) return;
  bool alive = true;
  auto news = selected->adopt(alive);
  if (!alive) {
    // RFC 2180 §3: what is deleted under a session ends it.
    bye("The selected mailbox was deleted or replaced");
    after = After::end;
    leave();
    return;
  }
  const bool may_expunge = expunges == CommandRow::Expunges::told || addressing == Addressing::uid;
  if (may_expunge && selected->has_ghosts()) {
    const auto gone = selected->take_ghosts();
    auto& out = text();
    if (has(kQresync)) {
      // RFC 7162 §3.2.10: VANISHED instead of EXPUNGE.
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

void Session::tell_annotations() {
  if (annotations == nullptr) return;
  for (const auto& [mailbox, entry] : annotations->take()) {
    auto& out = text();
    out += "* METADATA ";
    append_mailbox(out, mailbox, names());
    out += ' ';
    append_astring(out, entry, message::ImapForm::ascii);
    out += "\r\n";
  }
}

void Session::enable_condstore() {
  if (has(kCondstore)) return;
  enabled |= kCondstore;
  if (selected == nullptr) return;
  untagged(Status::ok, "Highest", "HIGHESTMODSEQ " + std::to_string(selected->view().highest_modseq()));
}

}  // namespace angarium::protocol::imap
