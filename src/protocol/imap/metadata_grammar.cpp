// Entry names and arguments of GETMETADATA and SETMETADATA (RFC 5464 §3.2, §5).
#include <algorithm>

#include "base/text.h"
#include "protocol/imap/limits.h"
#include "protocol/imap/parser.h"

namespace angarium::protocol::imap {

Result<std::string> Parser::metadata_mailbox() {
  const auto start = position();
  if (TRY(astring()).empty()) return std::string();
  move_to(start);
  return mailbox();
}

Result<std::string> Parser::entry() {
  // RFC 5464 §3.2: names without case, of ASCII without controls, "*" and "%"; no empty component.
  auto name = to_lower(TRY(astring()));
  const bool odd =
      std::ranges::any_of(name, [](char c) { return !is_ascii(c) || c < ' ' || c == '\x7f' || c == '*' || c == '%'; });
  const bool scope = name == "/private" || name == "/shared" || is_private(name) || name.starts_with("/shared/");
  if (odd || !scope || name.ends_with('/') || name.contains("//")) return expected("entry name before this");
  return name;
}

Result<std::vector<std::string>> Parser::entries() {
  std::vector<std::string> names;
  if (!present('(')) {
    names.push_back(TRY(entry()));
    return names;
  }
  do {
    if (names.size() >= kAnnotationsNamedMax) return fail(kLimit, "Too many entries in one command");
    names.push_back(TRY(entry()));
  } while (present(' '));
  TRY(require(')'));
  return names;
}

Result<void> Parser::getmetadata_options(AnnotationQuery& into) {
  // getmetadata-options, behind its "(".
  bool depth = false;
  do {
    const auto name = TRY(word());
    TRY(space());
    if (name == "MAXSIZE" && !into.max_size) {
      into.max_size = TRY(number());
    } else if (name == "DEPTH" && !depth) {
      depth = true;
      if (present("infinity")) {
        into.depth = AnnotationQuery::Depth::all;
      } else if (present('1')) {
        into.depth = AnnotationQuery::Depth::children;
      } else {
        TRY(require('0'));
      }
    } else {
      return expected("one MAXSIZE and one DEPTH");
    }
  } while (present(' '));
  TRY(require(')'));
  return space();
}

Result<AnnotationQuery> Parser::getmetadata_arguments(std::string& mailbox_name) {
  // The grammar has the options before the mailbox, the examples have them behind it: both are written by clients.
  AnnotationQuery query;
  const bool first = present('(');
  if (first) TRY(getmetadata_options(query));
  mailbox_name = TRY(metadata_mailbox());
  TRY(space());
  const auto start = position();
  if (!first && present('(')) {
    if (is_alpha(peek())) {
      TRY(getmetadata_options(query));
    } else {
      move_to(start);
    }
  }
  query.entries = TRY(entries());
  return query;
}

Result<std::vector<Annotation>> Parser::entry_values() {
  std::vector<Annotation> changes;
  TRY(require('('));
  do {
    if (changes.size() >= kAnnotationsNamedMax) return fail(kLimit, "Too many entries in one command");
    Annotation change{.entry = TRY(entry()), .value = nullptr};
    // Two components at least: the scope alone holds nothing.
    if (change.entry.find('/', 1) == std::string::npos) return expected("entry below this scope");
    TRY(space());
    // value = nstring / literal8
    auto value = TRY(peek() == '~' ? nstring8() : nstring());
    if (value) change.value = std::make_shared<const std::string>(*std::move(value));
    changes.push_back(std::move(change));
  } while (present(' '));
  TRY(require(')'));
  return changes;
}

}  // namespace angarium::protocol::imap
