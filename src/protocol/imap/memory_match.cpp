// SEARCH on the text of a message (RFC 9051 §6.4.4): headers with their encoded words decoded, bodies with their
// transfer encoding and charset undone, compared without regard to case.
#include <chrono>

#include "base/text.h"
#include "message/charset.h"
#include "message/coding.h"
#include "message/date.h"
#include "message/encoded_word.h"
#include "message/header.h"
#include "protocol/imap/memory_backend.h"

namespace angarium::protocol::imap {
namespace {

using Key = SearchNode::Key;

bool holds(std::string_view utf8, std::string_view folded_value) {
  return message::fold_case(utf8).contains(folded_value);
}

bool field_holds(const message::Header& header, std::string_view name, std::string_view folded_value) {
  for (const auto& field : header) {
    // An empty string is found in any field of that name (RFC 9051 §6.4.4, HEADER).
    if (field.is(name) && holds(message::decode_text(field.value), folded_value)) return true;
  }
  return false;
}

bool header_holds(std::string_view header, std::string_view folded_value) {
  for (const auto& field : message::Header(header)) {
    if (holds(std::string(field.name) + ": " + message::decode_text(field.value), folded_value)) return true;
  }
  return false;
}

/// The charset parameter by a plain look: enough for what the model store meets.
std::string charset_of(std::string_view content_type) {
  const auto lower = to_lower(content_type);
  const auto at = lower.find("charset=");
  if (at == std::string::npos) return {};
  auto value = std::string_view(lower).substr(at + 8);
  if (value.starts_with('"')) {
    value.remove_prefix(1);
    return std::string(take_until(value, '"'));
  }
  return std::string(value.substr(0, value.find_first_of("; \t\r\n"sv)));
}

bool body_holds(const MemoryEmail& email, std::string_view folded_value) {
  for (const auto& part : email.structure.parts) {
    const bool root = &part == &email.structure.root();
    if (!root && part.parent != message::kNoPart &&
        email.structure.parts[part.parent].kind == message::PartKind::message &&
        header_holds(part.header().of(email.octets), folded_value))
      return true;
    if (part.kind != message::PartKind::leaf || !email.structure.is_type(part, email.octets, "text")) continue;
    const auto text = message::decode_transfer(part.encoding, part.body().of(email.octets));
    const auto charset = charset_of(part.field(message::PartField::type).of(email.octets));
    if (holds(message::to_utf8(text, charset), folded_value)) return true;
  }
  return false;
}

bool sent(const message::Header& header, const TextKey& key) {
  const auto field = header.find("Date");
  const auto date = field ? message::parse_date(field->value) : std::nullopt;
  if (!date) return false;
  using namespace std::chrono;
  const auto& day = date->day;
  const auto days = sys_days(year_month_day(year(day.year), month(static_cast<unsigned>(day.month)),
                                            std::chrono::day(static_cast<unsigned>(day.day))))
                        .time_since_epoch()
                        .count();
  if (key.key == Key::sent_before) return days < key.day.days;
  return key.key == Key::sent_on ? days == key.day.days : days >= key.day.days;
}

}  // namespace

bool matches_key(const MemoryEmail& email, const TextKey& key) {
  const message::Header header(email.octets);
  const auto value = message::fold_case(key.value);
  switch (key.key) {
    case Key::from: return field_holds(header, "From", value);
    case Key::to: return field_holds(header, "To", value);
    case Key::cc: return field_holds(header, "Cc", value);
    case Key::bcc: return field_holds(header, "Bcc", value);
    case Key::subject: return field_holds(header, "Subject", value);
    case Key::header: return field_holds(header, key.name, value);
    case Key::body: return body_holds(email, value);
    case Key::text:
      return header_holds(email.structure.root().header().of(email.octets), value) || body_holds(email, value);
    case Key::sent_before:
    case Key::sent_on:
    case Key::sent_since: return sent(header, key);
    default: return false;
  }
}

}  // namespace angarium::protocol::imap
