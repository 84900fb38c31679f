#include "protocol/imap/parser.h"

#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "message/date.h"
#include "protocol/imap/limits.h"
#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/reader.h"

namespace angarium::protocol::imap {
namespace {

bool is_astring_char(char c) { return is_atom_char(c) || c == ']'; }
bool is_tag_char(char c) { return is_astring_char(c) && c != '+'; }
bool is_word_char(char c) { return is_alnum(c) || c == '-' || c == '=' || c == '.'; }
bool is_list_char(char c) { return is_astring_char(c) || c == '%' || c == '*' || !is_ascii(c); }

}  // namespace

bool is_atom_char(char c) {
  switch (c) {
    case '(':
    case ')':
    case '{':
    case ' ':
    case '%':
    case '*':
    case '"':
    case '\\':
    case ']': return false;
    default: return is_ascii(c) && !is_control(c);
  }
}

bool Parser::present(char c) {
  if (at_ >= text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool Parser::present(std::string_view word) {
  if (!starts_with_ignore_case(text_.substr(at_), word)) return false;
  at_ += word.size();
  return true;
}

std::unexpected<Error> Parser::expected(std::string_view what) const {
  std::string text(what);
  text += " expected at octet " + std::to_string(at_ + 1);
  if (at_ < text_.size() && echo_ == Echo::shown) text += " instead of \"" + std::string(text_.substr(at_, 20)) + '"';
  return fail(kSyntax, std::move(text));
}

Result<void> Parser::require(char c) {
  if (present(c)) return {};
  return expected(c == ' ' ? std::string("space") : std::string("\"") + c + "\"");
}

Result<void> Parser::require(std::string_view word) {
  if (present(word)) return {};
  return expected(word);
}

Result<void> Parser::end() const {
  if (at_end()) return {};
  return expected("end of the command");
}

std::string_view Parser::run(bool (*holds)(char)) {
  const auto start = at_;
  while (at_ < text_.size() && holds(text_[at_])) ++at_;
  return text_.substr(start, at_ - start);
}

Result<std::string> Parser::word() {
  const auto found = run(is_word_char);
  if (found.empty()) return expected("name");
  return to_upper(found);
}

Result<std::string_view> Parser::tag() {
  // tag = 1*<any ASTRING-CHAR except "+">
  const auto found = run(is_tag_char);
  if (found.empty() || found.size() > kTagMax) return expected("tag");
  return found;
}

Result<std::string_view> Parser::atom() {
  const auto found = run(is_atom_char);
  if (found.empty()) return expected("atom");
  return found;
}

Result<std::string> Parser::quoted(Octets octets) {
  TRY(require('"'));
  std::string value;
  for (;;) {
    const auto stop = text_.find_first_of("\"\\"sv, at_);
    if (stop == std::string_view::npos) return expected("closing quote");
    value += text_.substr(at_, stop - at_);
    at_ = stop + 1;
    if (text_[stop] == '"') break;
    // quoted = … / "\" quoted-specials
    if (peek() != '"' && peek() != '\\') return expected("\\\" or \\\\");
    value += text_[at_++];
  }
  // TEXT-CHAR is any CHAR except CR and LF; a command line has no LF outside of literals.
  if (value.find_first_of("\r\n\0"sv) != std::string::npos) return expected("quoted string without control characters");
  // RFC 6855 §3, RFC 9051 §4.3: octets above 127 are UTF-8. Before that is agreed it is the clients' habit.
  if (octets == Octets::strict && !valid_utf8(value)) return expected("UTF-8 in the quoted string");
  return value;
}

Result<std::string> Parser::literal(Octets octets) {
  const auto stop = text_.find("\r\n"sv, at_);
  const auto announced = text_.substr(at_, stop == std::string_view::npos ? stop : stop - at_);
  LiteralHead head;
  // The announcement begins here, not only ends here.
  const bool begins = announced.rfind('{') == (announced.starts_with('~') ? 1 : 0);
  if (stop == std::string_view::npos || !begins || !literal_at_end(announced, head)) return expected("literal");
  if (octets == Octets::strict && head.form == LiteralHead::Form::binary)
    return expected("literal without octets of value zero");
  const auto start = stop + 2;
  if (text_.size() - start < head.size) return expected("octets of the literal");
  const auto value = text_.substr(start, head.size);
  // literal = "{" number64 ["+"] "}" CRLF *CHAR8, where CHAR8 is not NUL.
  if (octets == Octets::strict && value.find('\0') != std::string_view::npos)
    return expected("literal without octets of value zero");
  at_ = start + value.size();
  return std::string(value);
}

Result<std::string> Parser::string() {
  if (peek() == '"') return quoted();
  if (peek() == '{') return literal();
  return expected("string");
}

Result<std::string> Parser::astring() {
  if (peek() == '"' || peek() == '{') return string();
  const auto found = run(is_astring_char);
  if (found.empty()) return expected("string");
  return std::string(found);
}

Result<std::optional<std::string>> Parser::nstring() {
  if (present("NIL")) return std::nullopt;
  return string();
}

Result<std::string> Parser::astring8() {
  if (peek() == '"') return quoted(Octets::any);
  if (peek() == '{') return literal(Octets::any);
  const auto found = run(is_list_char);
  if (found.empty()) return expected("string");
  return std::string(found);
}

Result<std::optional<std::string>> Parser::nstring8() {
  if (present("NIL")) return std::nullopt;
  if (peek() == '"') return quoted(Octets::any);
  const auto start = position();
  present('~');
  if (peek() != '{') return expected("string");
  move_to(start);
  return literal(Octets::any);
}

Result<std::uint64_t> Parser::number64() {
  const auto found = run(is_digit);
  const auto value = parse_number<std::uint64_t>(found);
  // number64 is at most 2^63 - 1 (RFC 9051 §9); MODSEQ likewise (RFC 7162 §7).
  if (!value || *value > INT64_MAX) return expected("number");
  return *value;
}

Result<std::uint32_t> Parser::number() {
  const auto value = TRY(number64());
  if (value > UINT32_MAX) return expected("number below 4294967296");
  return static_cast<std::uint32_t>(value);
}

Result<std::uint32_t> Parser::nz_number() {
  if (peek() == '0') return expected("number above zero");
  return number();
}

Result<std::uint64_t> Parser::mod_sequence_valzer() { return number64(); }

Result<std::uint64_t> Parser::mod_sequence_value() {
  const auto value = TRY(number64());
  if (value == 0) return expected("MODSEQ above zero");
  return value;
}

Result<std::uint32_t> Parser::seq_number() {
  if (present('*')) return 0U;
  return nz_number();
}

Result<SequenceSet> Parser::ranges(bool star) {
  SequenceSet set;
  do {
    if (!star && peek() == '*') return expected("number");
    Range range;
    range.first = TRY(seq_number());
    range.last = range.first;
    if (present(':')) {
      if (!star && peek() == '*') return expected("number");
      range.last = TRY(seq_number());
    }
    set.ranges.push_back(range);
  } while (present(','));
  return set;
}

Result<SequenceSet> Parser::sequence_set() {
  if (present('$')) return SequenceSet{.ranges = {}, .saved = true};
  return ranges(true);
}

Result<SequenceSet> Parser::known_sequence_set() { return ranges(false); }

Result<std::string> Parser::mailbox() { return decode_mailbox_name(TRY(astring()), names_); }

Result<std::optional<std::string>> Parser::list_mailbox() {
  std::string written;
  if (peek() == '"' || peek() == '{') {
    written = TRY(string());
  } else {
    const auto found = run(is_list_char);
    if (found.empty()) return expected("mailbox pattern");
    written = found;
  }
  auto pattern = decode_mailbox_pattern(written, names_);
  if (!pattern) return std::nullopt;
  return *std::move(pattern);
}

Result<void> Parser::flag(FlagList& into) {
  if (into.keywords.size() >= kFlagsMax) return fail(kSyntax, "Too many flags");
  if (!present('\\')) {
    const auto keyword = TRY(atom());
    if (keyword.size() > kKeywordMax) return fail(kLimit, "Keyword longer than 200 octets");
    const bool known =
        std::ranges::any_of(into.keywords, [&](const auto& k) { return equals_ignore_case(k, keyword); });
    if (!known) into.keywords.emplace_back(keyword);
    return {};
  }
  const auto name = TRY(atom());
  for (std::size_t bit = 0; bit < std::size(kFlagNames); ++bit) {
    if (!equals_ignore_case(name, kFlagNames[bit].substr(1))) continue;
    // \Recent can't be altered by the client (RFC 3501 §2.3.2).
    if (Flags(1U << bit) == kRecent) return expected("flag other than \\Recent");
    into.system = static_cast<Flags>(into.system | (1U << bit));
    return {};
  }
  // flag-extension: a server that does not know it refuses it, as it is no keyword (RFC 9051 §2.3.2).
  return expected("known system flag");
}

Result<FlagList> Parser::flag_list() {
  TRY(require('('));
  FlagList list;
  if (present(')')) return list;
  do {
    TRY(flag(list));
  } while (present(' '));
  TRY(require(')'));
  return list;
}

Result<Day> Parser::date() {
  // date = date-text / DQUOTE date-text DQUOTE
  const bool in_quotes = present('"');
  const auto text = run([](char c) { return is_alnum(c) || c == '-'; });
  const auto day = message::parse_search_day(text);
  if (!day) return expected("date such as 1-Feb-1994 before this");
  if (in_quotes) TRY(require('"'));
  using namespace std::chrono;
  const auto days = sys_days(year_month_day(year(day->year), month(static_cast<unsigned>(day->month)),
                                            std::chrono::day(static_cast<unsigned>(day->day))));
  return Day{static_cast<std::int32_t>(days.time_since_epoch().count())};
}

Result<InternalDate> Parser::date_time() {
  TRY(require('"'));
  const auto stop = text_.find('"', at_);
  if (stop == std::string_view::npos) return expected("closing quote");
  const auto moment = message::parse_internal_date(text_.substr(at_, stop - at_));
  if (!moment) return expected("date-time such as \" 1-Feb-1994 12:00:00 +0000\"");
  at_ = stop + 1;
  return InternalDate{moment->instant().seconds(), moment->zone_minutes};
}

Result<FlagList> Parser::store_flags() {
  if (peek() == '(') return flag_list();
  FlagList list;
  do {
    TRY(flag(list));
  } while (present(' '));
  return list;
}

}  // namespace angarium::protocol::imap
