// LIST with its selection and return options (RFC 9051 §6.3.9, RFC 5258, RFC 5819, RFC 6154, RFC 9590) and STATUS
// items.
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
  program.reference = TRY(list_mailbox());
  TRY(space());
  if (present('(')) {
    program.extended = true;
    do {
      if (program.patterns.size() >= kListPatternsMax) return fail(kSyntax, "Too many patterns");
      program.patterns.push_back(TRY(list_mailbox()));
    } while (present(' '));
    TRY(require(')'));
  } else {
    program.patterns.push_back(TRY(list_mailbox()));
  }
  if (present(" RETURN ")) {
    program.extended = true;
    TRY(list_returns(program));
  }
  return program;
}

}  // namespace angarium::protocol::imap
