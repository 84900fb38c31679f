// LIST (RFC 9051 §6.3.9, RFC 5258, RFC 5819, RFC 6154, RFC 3348,
// RFC 8440, RFC 9590) and LSUB (RFC 3501 §6.3.9).
#include <algorithm>
#include <map>

#include "base/text.h"
#include "protocol/imap/command/acl.h"
#include "protocol/imap/command/list.h"
#include "protocol/imap/command/metadata.h"
#include "protocol/imap/command/status.h"
#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

namespace {

using Known = KnownName;
using Names = KnownNames;

template <class Visit>
void each_superior(std::string_view name, Visit&& visit) {
  for (auto at = name.rfind(kHierarchyDelimiter); at != std::string_view::npos && at > 0;
       at = name.rfind(kHierarchyDelimiter, at - 1))
    visit(name.substr(0, at));
}

bool meets(const ListProgram& program, std::uint32_t attributes) {
  if ((program.select & kSelectSubscribed) != 0 && (attributes & kNameSubscribed) == 0) return false;
  if ((program.select & kSelectSpecialUse) != 0 && (attributes & kNameSpecialUse) == 0) return false;
  // A name that is only subscribed to is listed only where subscriptions are asked for (RFC 5258 §3).
  return (program.select & kSelectSubscribed) != 0 || (attributes & kNameNonExistent) == 0;
}

bool matches_any(const ListProgram& program, std::string_view name) {
  return std::ranges::any_of(program.patterns, [&](const auto& written) {
    const auto pattern = program.reference + written;
    // INBOX has no case (RFC 9051 §6.3.9.2).
    return matches_pattern(pattern, name) || (name == "INBOX" && matches_pattern(to_upper(pattern), name));
  });
}

Names gather(std::vector<NameRow> rows) {
  Names names;
  for (auto& row : rows) {
    auto& known = names[row.name];
    known.attributes = row.attributes;
    known.rights = row.rights;
    known.exists = (row.attributes & kNameNonExistent) == 0;
  }
  // Superior names that the account does not keep stand in the hierarchy all the same.
  for (const auto& row : rows) {
    if ((row.attributes & kNameNonExistent) != 0) continue;
    each_superior(row.name, [&](std::string_view superior) {
      auto [at, fresh] = names.try_emplace(std::string(superior));
      if (fresh) at->second.attributes = kNameNoSelect | kNameNonExistent;
      at->second.exists = true;
      at->second.attributes |= kNameHasChildren;
    });
  }
  return names;
}

std::uint32_t shown_attributes(const ListProgram& program, const Session& session, const Known& known) {
  auto shown = known.attributes & ~(kNameSubscribed | kNameNoSelect | kNameNonExistent);
  if ((known.attributes & (kNameHasChildren | kNameNoInferiors)) == 0) shown |= kNameHasNoChildren;
  const bool modern = program.extended || session.has(kImap4rev2);
  if ((known.attributes & kNameNonExistent) != 0) {
    // \NonExistent implies \Noselect, which is what older clients know (RFC 5258 §3.4).
    shown |= modern ? kNameNonExistent : kNameNoSelect;
  } else {
    shown |= known.attributes & kNameNoSelect;
  }
  if ((program.returns & kListSubscribed) != 0 || (program.select & kSelectSubscribed) != 0)
    shown |= known.attributes & kNameSubscribed;
  // RFC 5819 §2: what may be looked up and not read has no STATUS.
  if ((program.returns & kListStatus) != 0 && (shown & kNameNonExistent) == 0 && (known.rights & kRightRead) == 0)
    shown |= kNameNoSelect;
  return shown;
}

void append_row(std::string& out, const Session& session, std::string_view word, std::uint32_t attributes,
                std::string_view name) {
  (out += "* ") += word;
  out += ' ';
  append_name_attributes(out, attributes);
  out += " \"/\" ";
  append_mailbox(out, name, session.names());
}

/// Finds what is below names that are told or not (RFC 5258 §3.5, CHILDINFO).
void look_below(const ListProgram& program, Names& names) {
  for (const auto& [name, known] : names) {
    if (!meets(program, known.attributes)) continue;
    const bool told = matches_any(program, name);
    each_superior(name, [&](std::string_view superior) {
      auto at = names.find(superior);
      if (at == names.end())
        at = names.try_emplace(std::string(superior), Known{.attributes = kNameNoSelect | kNameNonExistent}).first;
      at->second.selected_below = true;
      at->second.untold_below |= !told;
    });
  }
}

/// The implied superior names of a plain LIST are told when something that exists is below them.
bool told(const ListProgram& program, const Known& known) {
  if (meets(program, known.attributes)) return true;
  if ((program.select & kSelectRecursiveMatch) != 0) return known.untold_below;
  return program.select == 0 && known.exists && known.untold_below;
}

/// "%" and "" before anything else: only the delimiter is asked for (RFC 9051 §6.3.9).
bool asks_for_delimiter(const ListProgram& program) {
  return !program.extended && program.patterns.size() == 1 && program.patterns[0].empty();
}

io::Task<Result<void>> tell_statuses(Session& session, const ListProgram& program,
                                     const std::vector<std::string>& told_names) {
  for (const auto& name : told_names) {
    const auto values = co_await status_values(session, name, program.status);
    // RFC 5819 §2: no STATUS for a mailbox where it fails.
    if (!values) continue;
    append_status(session, name, program.status, *values);
    CO_TRY(co_await session.room());
  }
  co_return Result<void>{};
}

}  // namespace

KnownNames gather_names(std::vector<NameRow> rows) { return gather(std::move(rows)); }

void append_listed(Session& session, const KnownNames& names, std::string_view name, std::string_view old_name) {
  // As an extended LIST that returns subscriptions.
  const ListProgram program{.reference = {}, .patterns = {}, .returns = kListSubscribed, .extended = true};
  const auto at = names.find(name);
  const auto known = at == names.end() ? Known{.attributes = kNameNonExistent} : at->second;
  auto& out = session.text();
  append_row(out, session, "LIST", shown_attributes(program, session, known), name);
  if (!old_name.empty()) {
    out += " (\"OLDNAME\" (";
    append_mailbox(out, old_name, session.names());
    out += "))";
  }
  out += "\r\n";
}

io::Task<Result<std::string>> listed(Session& session, std::string_view name, std::string_view written) {
  const auto names = gather(CO_TRY(co_await session.account->list()));
  std::string row;
  const auto at = names.find(name);
  if (at == names.end()) co_return row;
  append_row(row, session, "LIST", shown_attributes({}, session, at->second), name);
  if (written != name) {
    row += " (\"OLDNAME\" (";
    append_mailbox(row, written, session.names());
    row += "))";
  }
  co_return row += "\r\n";
}

std::string name_as_written(Parser parser) { return parser.astring().value_or(std::string()); }

io::Task<Result<Reply>> list(Session& session, Command& command) {
  const auto program = CO_TRY(command.parser.list_arguments());
  CO_TRY(command.parser.end());
  if (asks_for_delimiter(program)) {
    session.text() += "* LIST (\\Noselect) \"/\" \"\"\r\n";
    co_return done("LIST completed");
  }
  auto names = gather(CO_TRY(co_await session.account->list()));
  look_below(program, names);
  if ((program.status & kStatusHighestModseq) != 0) session.enable_condstore();
  std::vector<std::string> with_status;
  for (const auto& [name, known] : names) {
    if (!told(program, known) || !matches_any(program, name)) continue;
    append_row(session.text(), session, "LIST", shown_attributes(program, session, known), name);
    if ((program.select & kSelectRecursiveMatch) != 0 && known.selected_below) {
      // childinfo-extended-item; every selection option that inferiors meet.
      session.text() += " (\"CHILDINFO\" (";
      const bool subscribed = (program.select & kSelectSubscribed) != 0;
      const bool special = (program.select & kSelectSpecialUse) != 0;
      session.text() += subscribed && special ? "\"SUBSCRIBED\" \"SPECIAL-USE\""
                        : subscribed          ? "\"SUBSCRIBED\""
                                              : "\"SPECIAL-USE\"";
      session.text() += "))";
    }
    session.text() += "\r\n";
    // RFC 8440 §4: likewise.
    if ((program.returns & kListMyRights) != 0 && (known.attributes & kNameNonExistent) == 0 &&
        meets(program, known.attributes))
      append_my_rights(session, name, known.rights);
    // RFC 9590 §3: of what meets the selection itself, not of what is listed for others below it.
    if ((program.returns & kListMetadata) != 0 && (known.attributes & kNameNonExistent) == 0 &&
        meets(program, known.attributes)) {
      if (auto annotations = co_await session.account->annotations(name)) {
        if (wants_special_use(program.metadata)) add_special_use(*annotations, known.attributes);
        append_metadata(session, name, program.metadata, *annotations);
      }
    }
    // RFC 5819 §3: likewise.
    if ((program.returns & kListStatus) != 0 && (known.attributes & (kNameNoSelect | kNameNonExistent)) == 0 &&
        (known.rights & kRightRead) != 0 && meets(program, known.attributes))
      with_status.push_back(name);
    CO_TRY(co_await session.room());
  }
  CO_TRY(co_await tell_statuses(session, program, with_status));
  co_return done("LIST completed");
}

io::Task<Result<Reply>> lsub(Session& session, Command& command) {
  auto& parser = command.parser;
  ListProgram program{.select = kSelectSubscribed};
  const auto reference = CO_TRY(parser.list_mailbox());
  CO_TRY(parser.space());
  const auto pattern = CO_TRY(parser.list_mailbox());
  CO_TRY(parser.end());
  if (reference && pattern) {
    program.reference = *reference;
    program.patterns.push_back(*pattern);
  }
  Names names;
  for (auto& row : CO_TRY(co_await session.account->list())) {
    if ((row.attributes & kNameSubscribed) == 0) continue;
    if (matches_any(program, row.name)) {
      // \Noselect means here that the name is not subscribed to; one that is gone has no attribute.
      const bool there = (row.attributes & kNameNonExistent) == 0;
      names[row.name].attributes = there ? row.attributes & (kNameNoSelect | kNameSpecialUse) : 0;
      continue;
    }
    // RFC 3501 §6.3.9: "%" tells a superior of what is subscribed to, as \Noselect.
    each_superior(row.name, [&](std::string_view superior) {
      if (matches_any(program, superior)) names.try_emplace(std::string(superior), Known{.attributes = kNameNoSelect});
    });
  }
  for (const auto& [name, known] : names) {
    append_row(session.text(), session, "LSUB", known.attributes, name);
    session.text() += "\r\n";
  }
  co_return done("LSUB completed");
}

}  // namespace angarium::protocol::imap::command
