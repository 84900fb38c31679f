#include "message/box_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace angarium::message {
namespace {

struct Name {
  std::string_view text;
  BoxField field;
};
constexpr std::array kNames{
    Name{"Content-Length", BoxField::content_length},
    Name{"Lines", BoxField::lines},
    Name{"Status", BoxField::status},
    Name{"X-Status", BoxField::x_status},
    Name{"X-Keywords", BoxField::x_keywords},
    Name{"X-UID", BoxField::x_uid},
    Name{"X-UIDL", BoxField::x_uidl},
    Name{"X-IMAP", BoxField::x_imap},
    Name{"X-IMAPbase", BoxField::x_imap_base},
    Name{"X-Mozilla-Status", BoxField::mozilla_status},
    Name{"X-Mozilla-Status2", BoxField::mozilla_status2},
    Name{"X-Mozilla-Keys", BoxField::mozilla_keys},
};

struct Letter {
  char letter;
  BoxFlags flag;
};
constexpr std::array kStatus{Letter{'R', kBoxSeen}, Letter{'O', kBoxOld}};
constexpr std::array kXStatus{Letter{'A', kBoxAnswered}, Letter{'F', kBoxFlagged}, Letter{'T', kBoxDraft},
                              Letter{'D', kBoxDeleted}};

constexpr std::string_view kPassed = "$Forwarded";

template <std::size_t kSize>
BoxFlags flags_of(const std::array<Letter, kSize>& letters, std::string_view value) {
  BoxFlags flags = 0;
  for (const Letter& each : letters)
    if (value.find(each.letter) != std::string_view::npos) flags |= each.flag;
  return flags;
}

template <std::size_t kSize>
std::string letters_of(const std::array<Letter, kSize>& letters, BoxFlags flags) {
  std::string text;
  for (const Letter& each : letters)
    if ((flags & each.flag) != 0) text += each.letter;
  return text;
}

constexpr bool is_blank(char c) { return is_wsp(c) || c == '\r' || c == '\n'; }

std::string_view take_word(std::string_view& text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  std::size_t size = 0;
  while (size < text.size() && !is_blank(text[size])) ++size;
  const std::string_view word = text.substr(0, size);
  text.remove_prefix(size);
  return word;
}

/// RFC 9051 §9 atom: keywords of IMAP are atoms.
bool is_keyword(std::string_view word) {
  return !word.empty() && word.size() <= 255 && std::ranges::none_of(word, [](char c) {
    return is_control(c) || !is_ascii(c) || " (){%*\"\\]"sv.contains(c);
  });
}

void add_keywords(std::string_view value, std::vector<std::string>& keywords, std::size_t& words_read) {
  for (; words_read < kBoxKeywordsMax; ++words_read) {
    const std::string_view word = take_word(value);
    if (word.empty()) return;
    if (std::ranges::find(keywords, word) == keywords.end()) keywords.emplace_back(word);
  }
}

/// X-Mozilla-Status is four hexadecimal digits of nsMsgMessageFlags.
BoxFlags mozilla_flags(std::string_view value) {
  const std::string_view word = take_word(value);
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), bits, 16);
  if (error != std::errc{} || end != word.data() + word.size() || word.empty()) return 0;
  BoxFlags flags = 0;
  if ((bits & 0x0001U) != 0) flags |= kBoxSeen;
  if ((bits & 0x0002U) != 0) flags |= kBoxAnswered;
  if ((bits & 0x0004U) != 0) flags |= kBoxFlagged;
  if ((bits & 0x0008U) != 0) flags |= kBoxDeleted;
  if ((bits & 0x1000U) != 0) flags |= kBoxPassed;
  return flags;
}

/// $Forwarded is a flag here, for Maildir has a letter for it.
void add_state_keywords(std::string_view value, BoxState& state) {
  const std::size_t known = state.keywords.size();
  add_keywords(value, state.keywords, state.words_read);
  const auto added = state.keywords.begin() + static_cast<std::ptrdiff_t>(known);
  const auto passed = std::remove_if(added, state.keywords.end(),
                                     [](std::string_view word) { return equals_ignore_case(word, kPassed); });
  if (passed == state.keywords.end()) return;
  state.keywords.erase(passed, state.keywords.end());
  state.flags |= kBoxPassed;
}

void read_base(std::string_view value, BoxState& state) {
  if (state.base) return;
  MboxBase base;
  while (!value.empty() && is_wsp(value.front())) value.remove_prefix(1);
  // As strictly as Dovecot: digits, a space, digits.
  const auto validity = parse_number<std::uint32_t>(take_until(value, ' '));
  const auto last = parse_number<std::uint32_t>(value.substr(0, value.find_first_not_of("0123456789")));
  value.remove_prefix(std::min(value.find_first_not_of("0123456789"), value.size()));
  if (!value.empty() && !is_blank(value.front())) return;
  // RFC 9051 §9 nz-number: others hold a field without one for broken, and write it anew. Of the highest number there
  // is no next one: Dovecot ends itself.
  if (!validity || *validity == 0 || !last || *last == UINT32_MAX) return;
  base.uid_validity = *validity;
  base.uid_last = *last;
  std::size_t words_read = 0;
  add_keywords(value, base.keywords, words_read);
  state.base = std::move(base);
}

void append_keywords(const std::vector<std::string>& keywords, std::string& out) {
  for (const std::string& keyword : keywords) {
    if (!is_keyword(keyword)) continue;
    out += ' ';
    out += keyword;
  }
}

}  // namespace

BoxFieldMatch match_box_field(std::string_view line) {
  BoxFieldMatch match;
  line = line.substr(0, kBoxFieldNameMax);
  for (const Name& name : kNames) {
    if (line.size() < name.text.size()) {
      match.possible = match.possible || starts_with_ignore_case(name.text, line);
      continue;
    }
    if (!starts_with_ignore_case(line, name.text)) continue;
    const std::size_t end = line.find_first_not_of(" \t", name.text.size());
    if (end == std::string_view::npos)
      match.possible = match.possible || line.size() < kBoxFieldNameMax;
    else if (line[end] == ':')
      return {.field = name.field, .possible = false};
  }
  return match;
}

void read_box_field(BoxField field, std::string_view value, BoxState& state) {
  std::string_view rest = value;
  switch (field) {
    case BoxField::content_length:
      if (!state.content_length) state.content_length = parse_number<std::uint64_t>(take_word(rest));
      break;
    case BoxField::lines:
      if (!state.lines) state.lines = parse_number<std::uint64_t>(take_word(rest));
      break;
    case BoxField::status: state.flags |= flags_of(kStatus, value); break;
    case BoxField::x_status: state.flags |= flags_of(kXStatus, value); break;
    case BoxField::x_keywords:
    case BoxField::mozilla_keys: add_state_keywords(value, state); break;
    case BoxField::x_uid:
      if (state.uid == 0) state.uid = parse_number<std::uint32_t>(take_word(rest)).value_or(0);
      break;
    case BoxField::x_uidl:
      if (state.uidl.empty()) state.uidl = take_word(rest);
      break;
    case BoxField::x_imap:
    case BoxField::x_imap_base: read_base(value, state); break;
    case BoxField::mozilla_status: state.flags |= mozilla_flags(value); break;
    case BoxField::mozilla_status2: break;  // nothing of it has a meaning here
  }
}

std::string format_box_fields(const BoxState& state) {
  std::string out;
  if (state.base) {
    out += fmt::format("X-IMAPbase: {} {:010}", state.base->uid_validity, state.base->uid_last);
    append_keywords(state.base->keywords, out);
    out += '\n';
  }
  if (state.uid != 0) out += fmt::format("X-UID: {}\n", state.uid);
  if (const std::string letters = letters_of(kStatus, state.flags); !letters.empty())
    out += fmt::format("Status: {}\n", letters);
  if (const std::string letters = letters_of(kXStatus, state.flags); !letters.empty())
    out += fmt::format("X-Status: {}\n", letters);
  std::string keywords;
  append_keywords(state.keywords, keywords);
  if ((state.flags & kBoxPassed) != 0) keywords += fmt::format(" {}", kPassed);
  if (!keywords.empty()) out += fmt::format("X-Keywords:{}\n", keywords);
  const bool sound_uidl = std::ranges::all_of(state.uidl, [](char c) { return c > ' ' && c < 127; });
  if (!state.uidl.empty() && sound_uidl) out += fmt::format("X-UIDL: {}\n", state.uidl);
  return out;
}

}  // namespace angarium::message
