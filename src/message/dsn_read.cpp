#include <algorithm>
#include <vector>

#include "base/text.h"
#include "message/charset.h"
#include "message/coding.h"
#include "message/dsn.h"
#include "message/header.h"
#include "message/xtext.h"

namespace angarium::message {
namespace {

/// Cut at kReportTextMax between characters, and valid UTF-8.
std::string limited(std::string_view text) {
  std::size_t size = std::min(text.size(), kReportTextMax);
  // A character has at most three octets after its first.
  for (int i = 0; i < 3 && size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80; ++i) --size;
  std::string repaired = repair_utf8(text.substr(0, size));
  if (repaired.size() > kReportTextMax) return limited(repaired);
  return repaired;
}

/// Comments of a value that has no text of others: Action, Status and types.
std::string_view without_comment(std::string_view value) { return trim(value.substr(0, value.find('('))); }

TypedText read_typed(std::string_view value) {
  std::string scratch;
  const std::string_view line = unfolded(value, scratch);
  const std::size_t semicolon = line.find(';');
  const std::string_view type =
      semicolon == std::string_view::npos ? std::string_view{} : without_comment(line.substr(0, semicolon));
  if (!all_of(type, kAtext) || !all_ascii(type) || type.size() > kReportTextMax)
    return {{}, limited(trim(line.substr(semicolon == 0 ? 1 : 0)))};
  return {std::string(type), limited(trim(line.substr(semicolon + 1)))};
}

TypedText read_address(std::string_view value) {
  TypedText address = read_typed(value);
  const std::string_view text = address.text;
  if (text.size() > 2 && text.starts_with('<') && text.ends_with('>')) address.text = text.substr(1, text.size() - 2);
  if (equals_ignore_case(address.type, "utf-8")) address.text = limited(unescape_utf8_addr(address.text));
  return address;
}

std::optional<DsnAction> read_action(std::string_view value) {
  std::string scratch;
  const std::string_view word = unfolded(value, scratch);
  // "failure" and "delay" are in use too.
  if (starts_with_ignore_case(word, "fail")) return DsnAction::failed;
  if (starts_with_ignore_case(word, "delay")) return DsnAction::delayed;
  if (starts_with_ignore_case(word, "deliver")) return DsnAction::delivered;
  if (starts_with_ignore_case(word, "relay")) return DsnAction::relayed;
  if (starts_with_ignore_case(word, "expan")) return DsnAction::expanded;
  return std::nullopt;
}

/// Fields of the blocks into a report; the first of a name counts.
class BlockReader {
 public:
  void next_block() { open_ = false; }

  void field(const Field& field) {
    if (!message_field(field)) recipient_field(field);
  }

  DeliveryReport finish() {
    std::erase_if(report_.recipients,
                  [](const auto& r) { return r.final_recipient.text.empty() && !r.original_recipient; });
    return std::move(report_);
  }

 private:
  bool message_field(const Field& field) {
    if (field.is("Original-Envelope-Id")) {
      std::string scratch;
      if (!report_.envelope_id) report_.envelope_id = limited(unfolded(field.value, scratch));
    } else if (field.is("Reporting-MTA")) {
      if (report_.reporting_mta.text.empty()) report_.reporting_mta = read_typed(field.value);
    } else if (field.is("DSN-Gateway")) {
      if (!report_.gateway) report_.gateway = read_typed(field.value);
    } else if (field.is("Received-From-MTA")) {
      if (!report_.received_from_mta) report_.received_from_mta = read_typed(field.value);
    } else if (field.is("Arrival-Date")) {
      if (!report_.arrival) report_.arrival = parse_date(field.value.substr(0, kReportTextMax));
    } else if (field.is("Deliver-By-Date")) {
      if (!report_.deliver_by) report_.deliver_by = parse_date(field.value.substr(0, kReportTextMax));
    } else {
      return false;
    }
    return true;
  }

  void recipient_field(const Field& field) {
    std::string scratch;
    if (field.is("Final-Recipient")) {
      // The blank line before a second recipient is missing.
      if (open_ && !report_.recipients.back().final_recipient.text.empty()) open_ = false;
      if (RecipientReport* r = recipient()) r->final_recipient = read_address(field.value);
    } else if (field.is("Original-Recipient")) {
      if (open_ && report_.recipients.back().original_recipient) open_ = false;
      if (RecipientReport* r = recipient()) r->original_recipient = read_address(field.value);
    } else if (field.is("Action")) {
      if (RecipientReport* r = recipient(); r != nullptr && !r->action) r->action = read_action(field.value);
    } else if (field.is("Status")) {
      if (RecipientReport* r = recipient(); r != nullptr && !r->status)
        r->status = parse_status(unfolded(field.value, scratch));
    } else if (field.is("Remote-MTA")) {
      if (RecipientReport* r = recipient(); r != nullptr && !r->remote_mta) r->remote_mta = read_typed(field.value);
    } else if (field.is("Diagnostic-Code")) {
      if (RecipientReport* r = recipient(); r != nullptr && !r->diagnostic) r->diagnostic = read_typed(field.value);
    } else if (field.is("Last-Attempt-Date")) {
      if (RecipientReport* r = recipient(); r != nullptr && !r->last_attempt)
        r->last_attempt = parse_date(field.value.substr(0, kReportTextMax));
    } else if (field.is("Final-Log-Id")) {
      if (RecipientReport* r = recipient(); r != nullptr && r->final_log_id.empty())
        r->final_log_id = limited(unfolded(field.value, scratch));
    } else if (field.is("Will-Retry-Until")) {
      if (RecipientReport* r = recipient(); r != nullptr && !r->will_retry_until)
        r->will_retry_until = parse_date(field.value.substr(0, kReportTextMax));
    }
  }

  /// The recipient of this block; none beyond the limit.
  RecipientReport* recipient() {
    if (!open_) {
      if (report_.recipients.size() == kReportRecipientsMax) return nullptr;
      report_.recipients.emplace_back();
      open_ = true;
    }
    return &report_.recipients.back();
  }

  DeliveryReport report_;
  bool open_ = false;  // the last recipient belongs to this block
};

/// The part's octets without their coding, at most `max`.
std::string decoded(const Part& part, std::string_view message, std::size_t max) {
  // Quoted-printable has at most three octets for one, and soft line breaks.
  const std::string_view body = part.body().of(message).substr(0, is_identity(part.encoding) ? max : max * 4);
  std::string octets = decode_transfer(part.encoding, body);
  if (octets.size() > max) octets.resize(max);
  return octets;
}

bool is_status(const Structure& structure, const Part& part, std::string_view message) {
  return structure.is_type(part, message, "message", "delivery-status") ||
         structure.is_type(part, message, "message", "global-delivery-status");
}

bool is_returned_message(const Structure& structure, const Part& part, std::string_view message) {
  return structure.is_type(part, message, "message", "rfc822") || structure.is_type(part, message, "message", "global");
}

bool is_returned(const Structure& structure, const Part& part, std::string_view message) {
  return is_returned_message(structure, part, message) || structure.is_type(part, message, "text", "rfc822-headers") ||
         structure.is_type(part, message, "message", "global-headers");
}

}  // namespace

DeliveryReport parse_delivery_status(std::string_view body) {
  body = body.substr(0, kReportReadMax);
  BlockReader blocks;
  while (true) {
    body.remove_prefix(std::min(body.find_first_not_of("\r\n"), body.size()));
    if (body.empty()) return blocks.finish();
    blocks.next_block();
    HeaderReader fields(body);
    while (const auto field = fields.next()) blocks.field(*field);
    body.remove_prefix(fields.position());
  }
}

std::optional<ReadDsn> read_dsn(const Structure& structure, std::string_view message) {
  const std::vector<Part>& parts = structure.parts;
  std::vector<bool> enclosed(parts.size());
  ReadDsn dsn;
  bool found = false;
  for (std::uint32_t i = 0; i < parts.size(); ++i) {
    const Part& part = parts[i];
    if (part.parent != kNoPart) enclosed[i] = enclosed[part.parent] || parts[part.parent].kind == PartKind::message;
    if (enclosed[i]) continue;
    if (found) {
      if (part.parent != parts[dsn.status_part].parent || !is_returned(structure, part, message)) continue;
      dsn.returned_part = i;
      dsn.returned_full = is_returned_message(structure, part, message);
      break;
    }
    if (part.kind != PartKind::leaf) continue;
    if (is_status(structure, part, message)) {
      found = true;
      dsn.status_part = i;
    } else if (dsn.text_part == kNoPart && structure.is_type(part, message, "text")) {
      dsn.text_part = i;
    }
  }
  if (!found) return std::nullopt;
  dsn.report = parse_delivery_status(decoded(parts[dsn.status_part], message, kReportReadMax));
  return dsn;
}

std::string returned_header(const ReadDsn& dsn, const Structure& structure, std::string_view message) {
  if (dsn.returned_part == kNoPart) return {};
  std::string octets = decoded(structure.parts[dsn.returned_part], message, kReturnHeaderMax);
  octets.resize(header_extent(octets).header_size);
  return octets;
}

}  // namespace angarium::message
