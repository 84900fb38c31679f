#include <algorithm>

#include "base/text.h"
#include "message/coding.h"
#include "message/dots.h"
#include "message/downgrade.h"
#include "message/dsn.h"
#include "message/dsn_words.h"
#include "message/fields.h"
#include "message/header.h"
#include "message/parameters.h"
#include "message/xtext.h"

namespace angarium::message {
namespace {

/// A part's type and coding, and its octets: owned, or where they lie.
struct DsnPart {
  std::string type;
  Encoding encoding = Encoding::seven_bit;
  std::string octets;
  std::string_view view;
};

std::string encode(std::string_view octets, Encoding encoding) {
  std::string out;
  if (encoding == Encoding::quoted_printable) {
    QuotedPrintableEncoder encoder(LineEnds::text);
    encoder.feed(octets, out);
    encoder.finish(out);
  } else if (encoding == Encoding::base64) {
    Base64Encoder encoder;
    encoder.feed(octets, out);
    encoder.finish(out);
  } else {
    out = octets;
  }
  return out;
}

// The part for machines.

std::string type_word(std::string_view type) {
  // RFC 3464 §2.1.2: an atom.
  return !type.empty() && type.size() <= kLineGood && all_of(type, kAtext) && all_ascii(type) ? std::string(type)
                                                                                              : "x-unknown";
}

/// Writes the fields; `utf8`: the part is message/global-delivery-status.
class StatusWriter {
 public:
  explicit StatusWriter(Utf8 utf8) : utf8_(utf8) {}

  /// The order of the ABNF in RFC 3464 §2.2.
  Result<> message_fields(const DeliveryReport& report) {
    if (report.envelope_id) TRY(text("Original-Envelope-Id", *report.envelope_id));
    TRY(typed("Reporting-MTA", report.reporting_mta));
    if (report.gateway) TRY(typed("DSN-Gateway", *report.gateway));
    if (report.received_from_mta) TRY(typed("Received-From-MTA", *report.received_from_mta));
    if (report.arrival) TRY(append_field(out_, "Arrival-Date", format_date(*report.arrival)));
    if (report.deliver_by) TRY(append_field(out_, "Deliver-By-Date", format_date(*report.deliver_by)));
    return {};
  }

  /// The order of the ABNF in RFC 3464 §2.3.
  Result<> recipient_fields(const RecipientReport& recipient) {
    out_ += "\r\n";
    if (recipient.original_recipient) TRY(address("Original-Recipient", *recipient.original_recipient));
    TRY(address("Final-Recipient", recipient.final_recipient));
    TRY(append_field(out_, "Action", action_name(*recipient.action)));
    TRY(append_field(out_, "Status", reported_status(recipient).text()));
    if (recipient.remote_mta) TRY(typed("Remote-MTA", *recipient.remote_mta));
    if (recipient.diagnostic) TRY(typed("Diagnostic-Code", *recipient.diagnostic));
    if (recipient.last_attempt) TRY(append_field(out_, "Last-Attempt-Date", format_date(*recipient.last_attempt)));
    if (!recipient.final_log_id.empty()) TRY(text("Final-Log-Id", recipient.final_log_id));
    // RFC 3464 §2.3.9: MUST NOT appear in other reports than those of delay.
    if (recipient.will_retry_until && recipient.action == DsnAction::delayed)
      TRY(append_field(out_, "Will-Retry-Until", format_date(*recipient.will_retry_until)));
    return {};
  }

  std::string& out() { return out_; }

 private:
  Result<> text(std::string_view name, std::string_view value) {
    return append_field(out_, name, visible_text(value, kReportTextMax, utf8_));
  }

  Result<> typed(std::string_view name, const TypedText& value) {
    return append_field(out_, name, type_word(value.type) + "; " + visible_text(value.text, kReportTextMax, utf8_));
  }

  Result<> address(std::string_view name, const TypedText& address) {
    std::string type = type_word(address.type);
    const std::string_view text = std::string_view(address.text).substr(0, kReportTextMax);
    // RFC 6533 §3: an address with letters beyond ASCII is of type utf-8, whatever it was called.
    if (equals_ignore_case(type, "rfc822") && !all_ascii(text)) type = "utf-8";
    if (!equals_ignore_case(type, "utf-8"))
      return append_field(out_, name, type + ";" + visible_text(text, kReportTextMax, utf8_));
    return append_field(out_, name,
                        type + ";" + (utf8_ == Utf8::accept ? to_utf8_addr(text) : to_utf8_addr_xtext(text)));
  }

  Utf8 utf8_;
  std::string out_;
};

bool ascii(const std::optional<TypedText>& value) { return !value || all_ascii(value->text); }

bool ascii(const DeliveryReport& report) {
  return all_ascii(report.reporting_mta.text) && ascii(report.gateway) && ascii(report.received_from_mta) &&
         std::ranges::all_of(report.recipients, [](const RecipientReport& r) {
           return all_ascii(r.final_recipient.text) && ascii(r.original_recipient) && ascii(r.remote_mta) &&
                  ascii(r.diagnostic);
         });
}

Result<DsnPart> status_part(const DeliveryReport& report, const DsnOptions& options) {
  const bool global = options.utf8 == Utf8::accept && !ascii(report);
  StatusWriter writer(global ? Utf8::accept : Utf8::refuse);
  TRY(writer.message_fields(report));
  for (const RecipientReport& recipient : report.recipients) TRY(writer.recipient_fields(recipient));
  // RFC 3464 §2.1: message/delivery-status is 7bit. RFC 6533 §4.4: the global one may be 8bit or encoded.
  DsnPart part{global ? "message/global-delivery-status" : "message/delivery-status", Encoding::seven_bit, {}, {}};
  if (!all_ascii(writer.out())) {
    part.encoding = options.transfer == Transfer::eight_bit ? Encoding::eight_bit : Encoding::quoted_printable;
  }
  part.octets = encode(writer.out(), part.encoding);
  return part;
}

// The part for people.

DsnPart text_part(std::string_view text, Transfer transfer) {
  DsnPart part;
  part.type = all_ascii(text) ? "text/plain; charset=us-ascii" : "text/plain; charset=utf-8";
  part.encoding = text_coding(text, transfer);
  part.octets = encode(text, part.encoding);
  return part;
}

// What comes back.

/// The fields within kReturnHeaderMax.
std::string_view limited_header(std::string_view original) {
  const std::string_view header = original.substr(0, header_extent(original).header_size);
  if (header.size() <= kReturnHeaderMax) return header;
  HeaderReader reader(header);
  std::size_t end = 0;
  while (reader.next() && reader.position() <= kReturnHeaderMax) end = reader.position();
  return header.substr(0, end);
}

/// Whether the octets may go as they are.
bool fits(std::string_view octets, Transfer transfer, Encoding& encoding) {
  LineScanner lines;
  lines.feed(octets);
  const bool eight_bit = lines.eight_bit() != 0;
  encoding = eight_bit ? Encoding::eight_bit : Encoding::seven_bit;
  return lines.nul() == 0 && lines.longest_line() <= kLineMax && lines.clean_line_ends() &&
         (!eight_bit || transfer == Transfer::eight_bit);
}

DsnPart header_part(std::string_view header, const DsnOptions& options) {
  DsnPart part;
  const bool utf8 = !all_ascii(header) && valid_utf8(header);
  part.type = utf8 && options.utf8 == Utf8::accept ? "message/global-headers" : "text/rfc822-headers";
  if (utf8 && options.utf8 == Utf8::refuse) append_parameter(part.type, "charset", "utf-8");
  if (fits(header, options.transfer, part.encoding)) {
    part.view = header;
  } else {
    // RFC 6522 §4: headers that are no legal 7-bit content may be quoted-printable.
    part.encoding = Encoding::quoted_printable;
    part.octets = encode(header, part.encoding);
  }
  return part;
}

DsnPart message_part(std::string_view message, const DsnOptions& options) {
  DsnPart part;
  const std::string_view header = message.substr(0, header_extent(message).header_size);
  const bool utf8 = !all_ascii(header) && valid_utf8(header);
  const bool global = utf8 && options.utf8 == Utf8::accept;
  part.type = global ? "message/global" : "message/rfc822";
  if (fits(message, options.transfer, part.encoding)) {
    part.view = message;
    return part;
  }
  // RFC 2046 §5.2.1: message/rfc822 has no coding but the identities; its bodies are encoded one by one.
  if (all_ascii(header)) {
    LineScanner lines;
    lines.feed(message);
    if (lines.clean_line_ends()) {
      part.octets = to_seven_bit(parse_structure(message), message).octets;
    } else {
      LineEndNormalizer normalizer;
      for (std::string_view rest = message; !rest.empty();) part.octets += normalizer.take(rest);
      part.octets += normalizer.finish();
    }
    if (fits(part.octets, options.transfer, part.encoding)) return part;
  }
  // RFC 6533 §4.5: message/global may be encoded as a whole. What is no UTF-8 either goes back as its header.
  if (!all_ascii(header) && !utf8) return header_part(limited_header(message), options);
  part.type = "message/global";
  part.encoding = Encoding::base64;
  part.octets = encode(message, part.encoding);
  return part;
}

std::optional<DsnPart> returned_part(const DeliveryReport& report, std::string_view original,
                                     const DsnOptions& options) {
  if (original.empty()) return std::nullopt;
  const bool failed =
      std::ranges::any_of(report.recipients, [](const RecipientReport& r) { return r.action == DsnAction::failed; });
  const bool full = options.ret == ReturnContent::full && !options.header_only && failed &&
                    original.size() <= options.full_max && original.size() > header_extent(original).header_size;
  return full ? message_part(original, options) : header_part(limited_header(original), options);
}

// The whole.

bool blank(std::string_view text) { return std::ranges::all_of(text, is_space); }

Result<> check(const DeliveryReport& report, const DsnOptions& options) {
  if (options.from.empty() || options.to.empty()) return fail(kBadReport, "a report from or to nobody");
  if (blank(report.reporting_mta.text)) return fail(kBadReport, "a report without a reporting MTA");
  if (report.recipients.empty()) return fail(kBadReport, "a report on no recipient");
  if (report.recipients.size() > kReportRecipientsMax) return fail(kBadReport, "a report on too many recipients");
  for (const RecipientReport& recipient : report.recipients) {
    if (!recipient.action) return fail(kBadReport, "a recipient without an action");
    if (blank(recipient.final_recipient.text)) return fail(kBadReport, "a recipient without an address");
  }
  return {};
}

/// The message that the report answers, "<id>", or nothing.
std::string answered(std::string_view original) {
  const auto field = Header(original).find("Message-ID");
  if (!field) return {};
  const auto ids = parse_message_ids(field->value.substr(0, kLineMax));
  // In the header's lines there is room for it.
  if (ids.empty() || ids[0].size() > kFieldNameMax || !all_ascii(ids[0]) || !all_of(ids[0], kVchar)) return {};
  return "<" + ids[0] + ">";
}

Result<> append_header(std::string& out, const DeliveryReport& report, std::string_view original,
                       const DsnOptions& options) {
  TRY(append_field(out, "From", options.from));
  TRY(append_field(out, "To", options.to));
  TRY(append_field(out, "Subject", dsn_subject(report, options.language, options.reader)));
  TRY(append_field(out, "Date", format_date(options.date)));
  TRY(append_field(out, "Message-ID", options.message));
  // RFC 3834 §3.1.5.
  if (const std::string id = answered(original); !id.empty()) {
    TRY(append_field(out, "In-Reply-To", id));
    TRY(append_field(out, "References", id));
  }
  // RFC 3834 §5: never auto-generated.
  TRY(append_field(out, "Auto-Submitted", "auto-replied"));
  out += "MIME-Version: 1.0\r\n";
  return {};
}

Result<> append_part_header(std::string& out, const DsnPart& part) {
  TRY(append_field(out, "Content-Type", part.type));
  if (part.encoding != Encoding::seven_bit)
    TRY(append_field(out, "Content-Transfer-Encoding", encoding_name(part.encoding)));
  out += "\r\n";
  return {};
}

}  // namespace

std::string_view action_name(DsnAction action) {
  switch (action) {
    case DsnAction::failed: return "failed";
    case DsnAction::delayed: return "delayed";
    case DsnAction::delivered: return "delivered";
    case DsnAction::relayed: return "relayed";
    case DsnAction::expanded: return "expanded";
  }
  return {};
}

std::uint64_t ComposedDsn::size() const {
  std::uint64_t size = 0;
  for (const std::string_view stretch : stretches()) size += stretch.size();
  return size;
}

std::string ComposedDsn::octets() const {
  std::string octets;
  octets.reserve(size());
  for (const std::string_view stretch : stretches()) octets += stretch;
  return octets;
}

Result<ComposedDsn> compose_dsn(const DeliveryReport& report, std::string_view original, const DsnOptions& options,
                                Random& random) {
  TRY(check(report, options));
  auto returned = returned_part(report, original, options);
  const DsnPart status = TRY(status_part(report, options));
  const std::string_view header = limited_header(original);
  const bool whole = returned && returned->type.starts_with("message/") && returned->type != "message/global-headers";
  const Attached attached = !returned ? Attached::nothing : whole ? Attached::message : Attached::header;
  const DsnPart text =
      text_part(dsn_text(report, header, attached, options.language, options.reader), options.transfer);

  ComposedDsn dsn;
  dsn.eight_bit = text.encoding == Encoding::eight_bit || status.encoding == Encoding::eight_bit ||
                  (returned && returned->encoding == Encoding::eight_bit);
  TRY(append_header(dsn.before, report, original, options));
  dsn.utf8_header = !all_ascii(dsn.before);
  // "=_" stands in no quoted-printable or base64 text (RFC 2045 §6.7), and 144 random bits in no other.
  const std::string boundary = "=_" + to_hex(random.octets(18));
  std::string type = "multipart/report; report-type=delivery-status";
  append_parameter(type, "boundary", boundary);
  // RFC 2045 §6.4: a multipart has the coding of what is in it.
  TRY(append_part_header(dsn.before, {type, dsn.eight_bit ? Encoding::eight_bit : Encoding::seven_bit, {}, {}}));
  dsn.before += "--" + boundary + "\r\n";
  TRY(append_field(dsn.before, "Content-Language", language_tag(options.language)));
  TRY(append_part_header(dsn.before, text));
  dsn.before += text.octets + "\r\n--" + boundary + "\r\n";
  TRY(append_part_header(dsn.before, status));
  dsn.before += status.octets + "\r\n--" + boundary;
  if (!returned) {
    dsn.before += "--\r\n";
    return dsn;
  }
  dsn.before += "\r\n";
  TRY(append_part_header(dsn.before, *returned));
  dsn.encoded = std::move(returned->octets);
  dsn.as_it_was = returned->view;
  dsn.after = "\r\n--" + boundary + "--\r\n";
  return dsn;
}

}  // namespace angarium::message
