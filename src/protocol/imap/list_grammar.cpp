// LIST with its selection and return options (RFC 9051 §6.3.9, RFC 5258, RFC 5819, RFC 6154, RFC 8440, RFC 9590) and
// STATUS items.
#include <algorithm>

#include "protocol/imap/limits.h"
#include "protocol/imap/parser.h"

namespace angarium::protocol::imap {
namespace {

struct Item {
  std::string_view name;
  std::uint32_t bit;
};

constexpr Item kStatusItems[] = {
    {"MESSAGES", kStatusMessages},
    {"UIDNEXT", kStatusUidNext},
    {"UIDVALIDITY", kStatusUidValidity},
    {"UNSEEN", kStatusUnseen},
    {"RECENT", kStatusRecent},
    {"DELETED", kStatusDeleted},
    {"DELETED-STORAGE", kStatusDeletedStorage},
    {"SIZE", kStatusSize},
    {"HIGHESTMODSEQ", kStatusHighestModseq},
    {"APPENDLIMIT", kStatusAppendLimit},
    {"MAILBOXID", kStatusMailboxId},
};

}  // namespace

Result<MailboxFilter> Parser::filter_mailboxes(FilterUse use) {
  using Kind = MailboxFilter::Kind;
  struct Row {
    std::string_view name;
    Kind kind;
    enum class Names { none, some } names;
  };
  static constexpr Row kRows[] = {
      {"SELECTED", Kind::selected, Row::Names::none},
      {"SELECTED-DELAYED", Kind::selected_delayed, Row::Names::none},
      {"INBOXES", Kind::inboxes, Row::Names::none},
      {"PERSONAL", Kind::personal, Row::Names::none},
      {"SUBSCRIBED", Kind::subscribed, Row::Names::none},
      {"SUBTREE", Kind::subtree, Row::Names::some},
      {"SUBTREE-ONE", Kind::subtree_one, Row::Names::some},
      {"MAILBOXES", Kind::mailboxes, Row::Names::some},
  };
  const auto name = TRY(word());
  const auto* const row = std::ranges::find(kRows, name, &Row::name);
  // RFC 7377 §2.2: SUBTREE-ONE is of ESEARCH, SELECTED-DELAYED of NOTIFY.
  const auto other = use == FilterUse::search ? Kind::selected_delayed : Kind::subtree_one;
  if (row == std::end(kRows) || row->kind == other) return expected("mailbox filter before this");
  MailboxFilter filter{.kind = row->kind, .names = {}};
  if (row->names == Row::Names::none) return filter;
  // one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")"
  TRY(space());
  const bool many = present('(');
  do {
    if (filter.names.size() >= kFilterNamesMax) return fail(kLimit, "Too many names");
    auto written = mailbox();
    if (written) {
      filter.names.push_back(*std::move(written));
    } else if (written.error().fault() == Fault::syntax) {
      return std::unexpected(std::move(written).error());
    }  // A name that no mailbox can have, wildcards among them, is of none (RFC 5465 §3.1, §6.6).
  } while (many && present(' '));
  if (many) TRY(require(')'));
  return filter;
}

Result<std::uint32_t> Parser::status_attributes() {
  TRY(require('('));
  std::uint32_t bits = 0;
  do {
    const auto name = TRY(word());
    std::uint32_t bit = 0;
    for (const auto& item : kStatusItems) {
      if (name == item.name) bit = item.bit;
    }
    if (bit == 0) return expected("STATUS item");
    bits |= bit;
  } while (present(' '));
  TRY(require(')'));
  return bits;
}

Result<void> Parser::list_select(ListProgram& into) {
  // list-select-opts, just after "(": may be empty.
  if (present(')')) return {};
  do {
    const auto name = TRY(word());
    if (name == "SUBSCRIBED") {
      into.select |= kSelectSubscribed;
    } else if (name == "REMOTE") {
      into.select |= kSelectRemote;
    } else if (name == "RECURSIVEMATCH") {
      into.select |= kSelectRecursiveMatch;
    } else if (name == "SPECIAL-USE") {
      into.select |= kSelectSpecialUse;
    } else {
      // RFC 5258 §3: unrecognised options get BAD.
      return expected("LIST selection option");
    }
  } while (present(' '));
  TRY(require(')'));
  // RFC 5258 §3.1: RECURSIVEMATCH needs another selection option than REMOTE.
  if ((into.select & kSelectRecursiveMatch) != 0 && (into.select & (kSelectSubscribed | kSelectSpecialUse)) == 0)
    return expected("SUBSCRIBED or SPECIAL-USE beside RECURSIVEMATCH");
  return {};
}

Result<void> Parser::list_returns(ListProgram& into) {
  TRY(require('('));
  if (present(')')) return {};
  do {
    const auto name = TRY(word());
    if (name == "SUBSCRIBED") {
      into.returns |= kListSubscribed;
    } else if (name == "CHILDREN") {
      into.returns |= kListChildren;
    } else if (name == "SPECIAL-USE") {
      into.returns |= kListSpecialUse;
    } else if (name == "STATUS") {
      TRY(space());
      into.returns |= kListStatus;
      into.status |= TRY(status_attributes());
    } else if (name == "MYRIGHTS") {
      into.returns |= kListMyRights;
    } else if (name == "METADATA") {
      // RFC 9590 §5
      TRY(space());
      into.returns |= kListMetadata;
      if (peek() != '(') return expected("list of entries");
      into.metadata.entries = TRY(entries());
    } else {
      return expected("LIST return option");
    }
  } while (present(' '));
  return require(')');
}

Result<ListProgram> Parser::list_arguments() {
  ListProgram program;
  if (present('(')) {
    program.extended = true;
    TRY(list_select(program));
    TRY(space());
  }
  const auto reference = TRY(list_mailbox());
  TRY(space());
  const auto take = [&](std::optional<std::string> pattern) {
    if (pattern) program.patterns.push_back(*std::move(pattern));
  };
  if (present('(')) {
    program.extended = true;
    do {
      if (program.patterns.size() >= kListPatternsMax) return fail(kSyntax, "Too many patterns");
      take(TRY(list_mailbox()));
    } while (present(' '));
    TRY(require(')'));
  } else {
    take(TRY(list_mailbox()));
  }
  if (reference) {
    program.reference = *reference;
  } else {
    program.patterns.clear();
  }
  if (present(" RETURN ")) {
    program.extended = true;
    TRY(list_returns(program));
  }
  return program;
}

}  // namespace angarium::protocol::imap
