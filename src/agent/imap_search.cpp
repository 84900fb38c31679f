#include "agent/imap_search.h"

#include <algorithm>
#include <chrono>

#include "agent/imap_texts.h"
#include "message/charset.h"
#include "message/content.h"
#include "message/date.h"
#include "message/encoded_word.h"
#include "message/header.h"

namespace angarium::agent {
namespace {

using Key = protocol::imap::SearchNode::Key;

/// Days since 1970-01-01 of a date as its writer put it.
std::int64_t days_of(const message::CivilDay& day) {
  using namespace std::chrono;
  return sys_days(year_month_day(year(day.year), month(static_cast<unsigned>(day.month)),
                                 std::chrono::day(static_cast<unsigned>(day.day))))
      .time_since_epoch()
      .count();
}

}  // namespace

std::uint64_t header_octets(const mailbox::EmailView& email) {
  const auto structure = message_structure(email);
  return structure ? structure->root().body_begin : email.size;
}

TextMatcher::TextMatcher(const protocol::imap::TextKey& key)
    : key_(key.key), name_(key.name), folded_(message::fold_case(key.value)), day_(key.day) {}

bool TextMatcher::needs_body() const { return key_ == Key::body || key_ == Key::text; }

bool TextMatcher::holds(std::string_view utf8) const {
  return message::fold_case(utf8).find(folded_) != std::string::npos;
}

bool TextMatcher::in_field(std::string_view octets, std::string_view name) const {
  // An empty text is found in any field of that name (RFC 9051 §6.4.4, HEADER).
  for (const message::Field& field : message::Header(octets))
    if (field.is(name) && holds(message::decode_text(field.value))) return true;
  return false;
}

bool TextMatcher::in_header(std::string_view header) const {
  for (const message::Field& field : message::Header(header))
    if (holds(std::string(field.name) + ": " + message::decode_text(field.value))) return true;
  return false;
}

bool TextMatcher::in_body(std::string_view octets, const message::Structure& structure) const {
  for (const message::Part& part : structure.parts) {
    const bool enclosed =
        part.parent != message::kNoPart && structure.parts[part.parent].kind == message::PartKind::message;
    if (enclosed && in_header(part.header().of(octets))) return true;
    if (part.kind != message::PartKind::leaf || !structure.is_type(part, octets, "text")) continue;
    if (holds(message::part_text(structure, part, octets))) return true;
  }
  return false;
}

bool TextMatcher::in_mime_headers(std::string_view octets, const message::Structure& structure) const {
  // The root's is the message's header.
  return std::any_of(structure.parts.begin() + 1, structure.parts.end(),
                     [&](const message::Part& part) { return in_header(part.header().of(octets)); });
}

bool TextMatcher::sent(std::string_view octets) const {
  const auto field = message::Header(octets).find("Date");
  const auto date = field ? message::parse_date(field->value) : std::nullopt;
  if (!date) return false;
  const std::int64_t days = days_of(date->day);
  if (key_ == Key::sent_before) return days < day_.days;
  return key_ == Key::sent_on ? days == day_.days : days >= day_.days;
}

bool TextMatcher::matches(std::string_view octets, const std::optional<message::Structure>& structure) const {
  switch (key_) {
    case Key::from: return in_field(octets, "From");
    case Key::to: return in_field(octets, "To");
    case Key::cc: return in_field(octets, "Cc");
    case Key::bcc: return in_field(octets, "Bcc");
    case Key::subject: return in_field(octets, "Subject");
    case Key::header: return in_field(octets, name_);
    case Key::body: return structure && in_body(octets, *structure);
    // RFC 9051 §6.4.4: TEXT looks at MIME header fields, too; BODY does not.
    case Key::text:
      return in_header(octets) || (structure && (in_mime_headers(octets, *structure) || in_body(octets, *structure)));
    case Key::sent_before:
    case Key::sent_on:
    case Key::sent_since: return sent(octets);
    default: return false;
  }
}

}  // namespace angarium::agent
