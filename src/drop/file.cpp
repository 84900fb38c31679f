#include "drop/file.h"

#include <array>
#include <charconv>

#include "base/text.h"
#include "drop/options.h"

namespace angarium::drop {
namespace {

constexpr std::string_view kMagic = "angarium-drop 1 ";

Error bad(std::string_view why) { return {kBadFile, "not a whole file of sendmail: " + std::string(why)}; }

/// Exactly `digits` hex digits, big end first.
std::string hex(std::uint64_t number, int digits) {
  std::string text;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) text += "0123456789abcdef"[(number >> shift) & 15];
  return text;
}

std::optional<std::uint64_t> parse_hex(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<Seal> parse_seal(std::string_view line) {
  if (line.size() != kSealSize - 1 || !line.starts_with(kMagic)) return std::unexpected(bad("its first line"));
  line.remove_prefix(kMagic.size());
  const auto length = parse_hex(line.substr(0, 16));
  const auto crc = parse_hex(line.substr(17));
  if (!length || !crc || line[16] != ' ') return std::unexpected(bad("its first line"));
  Seal seal{.length = *length, .crc = static_cast<std::uint32_t>(*crc)};
  if (format_seal(seal).substr(kMagic.size(), line.size()) != line) return std::unexpected(bad("its first line"));
  return seal;
}

bool clean(std::string_view text) {
  for (const char c : text)
    if (is_control(c)) return false;
  return true;
}

Result<> parse_line(Note& note, std::string_view word, std::string_view value) {
  if (word == "to" && !value.empty()) {
    if (note.recipients.size() == kRecipientsMax) return std::unexpected(bad("too many recipients"));
    note.recipients.emplace_back(value);
  } else if (word == "name") {
    note.name = value;
  } else if (word == "mail") {
    auto parameters = TRY(envelope::parse_mail_parameters(value));
    note.ret = parameters.ret;
    note.envelope_id = std::move(parameters.envelope_id);
  } else if (word == "rcpt") {
    note.notify = TRY(envelope::parse_rcpt_parameters(value)).notify;
  } else {
    return std::unexpected(bad("a line of its envelope"));
  }
  return {};
}

}  // namespace

std::string format_seal(const Seal& seal) {
  return std::string(kMagic) + hex(seal.length, 16) + " " + hex(seal.crc, 8) + "\n";
}

std::string format_note(const Note& note) {
  std::string text = "from " + note.sender + "\n";
  if (!note.name.empty()) {
    text += "name ";
    for (const char c : note.name) text += is_control(c) ? ' ' : c;
    text += '\n';
  }
  envelope::MailParameters mail;
  mail.ret = note.ret;
  mail.envelope_id = note.envelope_id;
  if (const std::string written = envelope::format_parameters(mail); !written.empty()) text += "mail" + written + "\n";
  envelope::RcptParameters rcpt;
  rcpt.notify = note.notify;
  if (const std::string written = envelope::format_parameters(rcpt); !written.empty()) text += "rcpt" + written + "\n";
  for (const std::string& recipient : note.recipients) text += "to " + recipient + "\n";
  return text + "\n";
}

Result<Start> parse_start(std::string_view octets) {
  octets = octets.substr(0, kHeadMax);
  std::size_t at = 0;
  const auto line = [&]() -> std::optional<std::string_view> {
    const std::size_t end = octets.find('\n', at);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view found = octets.substr(at, end - at);
    at = end + 1;
    return found;
  };
  constexpr std::string_view kFrom = "from ";
  Start start;
  const auto first = line();
  if (!first) return std::unexpected(bad("it is cut"));
  start.seal = TRY(parse_seal(*first));
  for (bool sender = true;; sender = false) {
    const auto next = line();
    if (!next) return std::unexpected(bad("it is cut"));
    if (!clean(*next)) return std::unexpected(bad("a control character in its envelope"));
    if (sender && !next->starts_with(kFrom)) return std::unexpected(bad("it has no sender"));
    if (next->empty()) break;
    if (sender) {
      start.note.sender = next->substr(kFrom.size());
      continue;
    }
    std::string_view value = *next;
    const std::string_view word = take_until(value, ' ');
    TRY(parse_line(start.note, word, value));
  }
  if (start.note.recipients.empty()) return std::unexpected(bad("it has no recipient"));
  start.message_at = at;
  return start;
}

Result<envelope::Mailbox> qualify(const std::string& address, const std::string& origin) {
  envelope::PathOptions options;
  options.utf8 = envelope::Utf8::accept;
  options.grammar = envelope::PathOptions::Grammar::tolerant;
  if (auto whole = envelope::parse_mailbox(address, options); whole && !whole->domain.empty()) return whole;
  return envelope::parse_mailbox(address + "@" + origin, options);
}

}  // namespace angarium::drop
