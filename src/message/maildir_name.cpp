#include "message/maildir_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace angarium::message {
namespace {

struct Letter {
  char letter;
  BoxFlags flag;
};
/// In ASCII order, as names have them.
constexpr std::array kLetters{Letter{'D', kBoxDraft},    Letter{'F', kBoxFlagged}, Letter{'P', kBoxPassed},
                              Letter{'R', kBoxAnswered}, Letter{'S', kBoxSeen},    Letter{'T', kBoxDeleted}};
/// ":2,", the six flags and the letters of 26 keywords.
constexpr std::size_t kInfoMax = 3 + kLetters.size() + 26;

constexpr bool is_keyword(char c) { return c >= 'a' && c <= 'z'; }

void read_info(std::string_view info, MaildirName& name) {
  if (!info.starts_with("2,")) {
    name.other_info = info;
    return;
  }
  info.remove_prefix(2);
  std::string_view letters = take_until(info, ',');
  name.other_info = info;
  for (const Letter& each : kLetters)
    if (letters.contains(each.letter)) name.flags |= each.flag;
  // Keywords follow the flags, for capitals come first in ASCII.
  const auto* first = std::ranges::find_if(letters, is_keyword);
  const auto* last = std::find_if_not(first, letters.end(), is_keyword);
  name.keywords =
      letters.substr(static_cast<std::size_t>(first - letters.begin()), static_cast<std::size_t>(last - first));
}

std::string safe_host(std::string_view host, std::size_t max) {
  std::string safe;
  for (const char c : host) {
    const std::string_view one = c == '/'                           ? std::string_view("\\057")
                                 : c == ':'                         ? std::string_view("\\072")
                                 : c <= ' ' || c == 127 || c == ',' ? std::string_view("_")
                                                                    : std::string_view(&c, 1);
    if (safe.size() + one.size() > max) break;
    safe += one;
  }
  return safe;
}

}  // namespace

std::optional<MaildirName> parse_maildir_name(std::string_view name) {
  if (name.empty() || name.size() > kMaildirNameMax || name.starts_with('.') || name.contains('/') ||
      name.contains('\0'))
    return std::nullopt;
  MaildirName parsed;
  std::string_view info = name;
  parsed.base = take_until(info, ':');
  if (parsed.base.empty()) return std::nullopt;
  read_info(info, parsed);
  std::string_view fields = parsed.base;
  take_until(fields, ',');
  while (!fields.empty()) {
    const std::string_view field = take_until(fields, ',');
    if (field.starts_with("S=")) parsed.size = parse_number<std::uint64_t>(field.substr(2));
    if (field.starts_with("W=")) parsed.virtual_size = parse_number<std::uint64_t>(field.substr(2));
  }
  return parsed;
}

std::string format_maildir_name(std::string_view base, BoxFlags flags, std::string_view keywords) {
  std::string name(base);
  name += ":2,";
  for (const Letter& each : kLetters)
    if ((flags & each.flag) != 0) name += each.letter;
  for (char c = 'a'; c <= 'z'; ++c)
    if (keywords.contains(c)) name += c;
  return name;
}

std::string make_maildir_base(const MaildirUnique& unique) {
  const std::int64_t seconds = unique.time.seconds();
  std::string name = fmt::format("{}.M{}P{}Q{}R{:016x}.", seconds, unique.time.microseconds - seconds * 1'000'000,
                                 unique.process, unique.delivery, unique.random);
  std::string sizes;
  if (unique.size) sizes += fmt::format(",S={}", *unique.size);
  if (unique.virtual_size) sizes += fmt::format(",W={}", *unique.virtual_size);
  // At most 20 + 2 + 6 + 3 * 21 + 17 octets and two sizes of 23: the host has always room.
  name += safe_host(unique.host, kMaildirNameMax - kInfoMax - name.size() - sizes.size());
  return name + sizes;
}

}  // namespace angarium::message
