#include "protocol/imap/mailbox_name.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/text.h"
#include "message/normal_form.h"
#include "protocol/imap/error.h"
#include "protocol/imap/limits.h"
#include "protocol/imap/parser.h"

namespace angarium::protocol::imap {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&](std::uint32_t octet) { out += static_cast<char>(octet); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

/// The next character of well-formed UTF-8.
char32_t take_utf8(std::string_view text, std::size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at++]);
  int more = 0;
  char32_t c = lead;
  if (lead >= 0xF0) {
    c = lead & 0x07;
    more = 3;
  } else if (lead >= 0xE0) {
    c = lead & 0x0F;
    more = 2;
  } else if (lead >= 0xC0) {
    c = lead & 0x1F;
    more = 1;
  }
  for (; more > 0 && at < text.size(); --more) c = c << 6 | (static_cast<unsigned char>(text[at++]) & 0x3F);
  return c;
}

bool stands_for_itself(char c) { return c >= 0x20 && c <= 0x7E; }

/// What stands between "&" and "-": UTF-16BE in base64 without padding.
bool decode_shifted(std::string_view base64, std::string& out) {
  std::uint32_t bits = 0;
  int count = 0;
  char32_t high = 0;
  for (char c : base64) {
    const auto value = kAlphabet.find(c);
    if (value == std::string_view::npos) return false;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 16) continue;
    count -= 16;
    const char32_t unit = bits >> count & 0xFFFF;
    bits &= (1U << count) - 1;
    if (high != 0) {
      if (unit < 0xDC00 || unit > 0xDFFF) return false;
      append_utf8(out, 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00));
      high = 0;
    } else if (unit >= 0xD800 && unit <= 0xDBFF) {
      high = unit;
    } else if (unit >= 0xDC00 && unit <= 0xDFFF) {
      return false;
    } else {
      // Characters that stand for themselves may not be hidden in base64 (RFC 3501 §5.1.3).
      if (unit < 0x80 && stands_for_itself(static_cast<char>(unit))) return false;
      append_utf8(out, unit);
    }
  }
  return high == 0 && count < 6 && bits == 0;
}

/// Its normal form, so that all spellings of a name are one (RFC 9051 §5.1).
Result<std::string> normal_form(std::string_view text) {
  if (text.size() > kMailboxNameMax) return fail(kLimit, "Longer than 1000 octets");
  auto composed = message::normal_form_c(text);
  if (!composed) return fail(kCannot, "It has no normal form");
  if (composed->size() > kMailboxNameMax) return fail(kLimit, "Longer than 1000 octets");
  return *std::move(composed);
}

bool holds_control(std::string_view name) {
  return std::ranges::any_of(name, [](char c) { return is_control(c); });
}

Result<std::string> decode(std::string_view written, NameForm form) {
  if (form == NameForm::modified_utf7) {
    auto name = from_modified_utf7(written);
    if (!name) return fail(kCannot, "Mailbox name is not modified UTF-7");
    return *std::move(name);
  }
  if (!valid_utf8(written)) return fail(kCannot, "Mailbox name is not UTF-8");
  return std::string(written);
}

}  // namespace

void canonise_inbox(std::string& name) {
  constexpr auto kInbox = "INBOX"sv;
  if (!starts_with_ignore_case(name, kInbox)) return;
  if (name.size() == kInbox.size() || name[kInbox.size()] == kHierarchyDelimiter)
    name.replace(0, kInbox.size(), kInbox);
}

std::optional<std::string> from_modified_utf7(std::string_view text) {
  std::string out;
  std::size_t at = 0;
  bool after_shift = false;
  while (at < text.size()) {
    const char c = text[at++];
    if (!stands_for_itself(c)) return std::nullopt;
    if (c != '&') {
      out += c;
      after_shift = false;
      continue;
    }
    const auto end = text.find('-', at);
    if (end == std::string_view::npos) return std::nullopt;
    const auto shifted = text.substr(at, end - at);
    at = end + 1;
    if (shifted.empty()) {
      out += '&';
      after_shift = false;
      continue;
    }
    // "superfluous shifts": two runs beside one another could have been one.
    if (after_shift || !decode_shifted(shifted, out)) return std::nullopt;
    after_shift = true;
  }
  return out;
}

std::string to_modified_utf7(std::string_view utf8) {
  std::string out;
  std::size_t at = 0;
  while (at < utf8.size()) {
    if (stands_for_itself(utf8[at])) {
      out += utf8[at];
      if (utf8[at] == '&') out += '-';
      ++at;
      continue;
    }
    out += '&';
    std::uint32_t bits = 0;
    int count = 0;
    const auto put = [&](std::uint32_t unit) {
      bits = bits << 16 | unit;
      for (count += 16; count >= 6;) {
        count -= 6;
        out += kAlphabet[bits >> count & 0x3F];
      }
      bits &= (1U << count) - 1;
    };
    while (at < utf8.size() && !stands_for_itself(utf8[at])) {
      const auto c = take_utf8(utf8, at);
      if (c < 0x10000) {
        put(c);
      } else {
        put(0xD800 + ((c - 0x10000) >> 10));
        put(0xDC00 + ((c - 0x10000) & 0x3FF));
      }
    }
    if (count > 0) out += kAlphabet[bits << (6 - count) & 0x3F];
    out += '-';
  }
  return out;
}

Result<std::string> decode_mailbox_name(std::string_view written, NameForm form) {
  const std::string decoded = TRY(decode(written, form));
  auto name = TRY(normal_form(decoded));
  if (name.size() > 1 && name.ends_with(kHierarchyDelimiter)) name.pop_back();
  if (name.empty()) return fail(kCannot, "Mailbox name is empty");
  if (holds_control(name)) return fail(kCannot, "Mailbox name holds a control character");
  // RFC 9051 §5.1 permits "*" and "%" and warns of them: no pattern could name such a mailbox alone.
  if (name.find_first_of("*%"sv) != std::string::npos) return fail(kCannot, "Mailbox name holds \"*\" or \"%\"");
  if (name.front() == kHierarchyDelimiter || name.back() == kHierarchyDelimiter || name.contains("//"))
    return fail(kCannot, "Mailbox name holds an empty level");
  canonise_inbox(name);
  return name;
}

Result<std::string> decode_mailbox_pattern(std::string_view written, NameForm form) {
  const std::string decoded = TRY(decode(written, form));
  auto pattern = TRY(normal_form(decoded));
  if (static_cast<std::size_t>(std::ranges::count_if(pattern, [](char c) { return c == '*' || c == '%'; })) >
      kListWildcardsMax)
    return fail(kLimit, "Pattern has too many wildcards");
  canonise_inbox(pattern);
  return pattern;
}

bool matches_pattern(std::string_view pattern, std::string_view name) {
  const auto wild = pattern.find_first_of("*%"sv);
  if (wild == std::string_view::npos) return pattern == name;
  if (!name.starts_with(pattern.substr(0, wild))) return false;
  if (pattern.substr(wild) == "*") return true;
  // The set of places in the pattern that may come next, as in an automaton; at most one bit a place.
  std::vector<bool> now(pattern.size() + 1);
  std::vector<bool> next(pattern.size() + 1);
  const auto close = [&](std::vector<bool>& places) {
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (places[i] && (pattern[i] == '*' || pattern[i] == '%')) places[i + 1] = true;
    }
  };
  now[0] = true;
  close(now);
  for (const char c : name) {
    next.assign(next.size(), false);
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (!now[i]) continue;
      if (pattern[i] == '*' || (pattern[i] == '%' && c != kHierarchyDelimiter)) {
        next[i] = true;
      } else if (pattern[i] == c && pattern[i] != '%') {
        next[i + 1] = true;
      }
    }
    close(next);
    std::swap(now, next);
  }
  return now[pattern.size()];
}

}  // namespace angarium::protocol::imap
