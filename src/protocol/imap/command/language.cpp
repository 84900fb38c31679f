// LANGUAGE (RFC 5255 §3). All texts are English, which "i-default" and "en" both are (RFC 2277 §4.5).
#include "base/text.h"
#include "protocol/imap/limits.h"
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

namespace {

/// language-range (RFC 4647 §2.1): "*", or words of letters and digits of at most eight octets.
Result<std::string> language_range(Parser& parser) {
  auto range = TRY(parser.astring());
  std::string_view rest = range;
  bool first = true;
  while (first || !rest.empty()) {
    const bool more = rest.contains('-');
    const auto word = take_until(rest, '-');
    bool good = word == "*" || (!word.empty() && word.size() <= 8);
    for (const char c : word) good = good && (is_alpha(c) || (is_digit(c) && !first) || word == "*");
    if (!good || (more && rest.empty())) return fail(kSyntax, "A language was expected");
    first = false;
  }
  return range;
}

/// The language for a range: by lookup, which drops words from the end (RFC 4647 §3.4). Empty: none.
std::string_view language_for(std::string_view range) {
  if (range == "*" || equals_ignore_case(range, "default") || equals_ignore_case(range, "i-default"))
    return "i-default";
  return equals_ignore_case(range.substr(0, range.find('-')), "en") ? "en" : "";
}

}  // namespace

io::Task<Result<Reply>> language(Session& session, Command& command) {
  auto& parser = command.parser;
  if (parser.at_end()) {
    session.text() += "* LANGUAGE (en i-default)\r\n";
    co_return done("These languages are spoken");
  }
  std::string_view chosen;
  std::size_t count = 0;
  do {
    if (++count > kPreferencesMax) co_return fail(kLimit, "Too many languages");
    const auto range = CO_TRY(language_range(parser));
    if (chosen.empty()) chosen = language_for(range);
  } while (parser.present(' '));
  CO_TRY(parser.end());
  if (chosen.empty()) co_return fail(kRefused, "This language is not spoken here");
  session.text() += "* LANGUAGE (" + std::string(chosen) + ")\r\n";
  co_return done("Now speaking English");
}

}  // namespace angarium::protocol::imap::command
