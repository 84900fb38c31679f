// Delivery status notifications: multipart/report; report-type=delivery-status (RFC 3464, RFC 6522, RFC 3461 §6,
// RFC 6533 §4), composed and read. When one is due, and its null reverse-path, are the caller's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "message/compose.h"
#include "message/date.h"
#include "message/domain.h"
#include "message/lexical.h"
#include "message/status.h"
#include "message/structure.h"

namespace angarium::message {

/// "type; text" of a field of a report: an address ("rfc822", "utf-8"), the name of an MTA ("dns", "x-local-hostname")
/// or a diagnostic ("smtp", "x-unix"). Types compare without case. Addresses are without xtext and unitext.
struct TypedText {
  std::string type;  ///< empty when a report that was read names none
  std::string text;
  friend bool operator==(const TypedText&, const TypedText&) = default;
};

/// RFC 3464 §2.3.3.
enum class DsnAction : std::uint8_t { failed, delayed, delivered, relayed, expanded };
inline constexpr std::size_t kDsnActions = 5;
/// The word of the Action field.
std::string_view action_name(DsnAction action);

/// What became of the message for one recipient (RFC 3464 §2.3).
struct RecipientReport {
  std::optional<TypedText> original_recipient;  ///< ORCPT, only if it was given (RFC 3461 §6.3 (d))
  TypedText final_recipient;                    ///< as in the envelope, to the letter
  std::optional<DsnAction> action;              ///< always in what is composed
  std::optional<StatusCode> status;             ///< none: N.0.0 as the action says (RFC 3461 §6.3 (g))
  std::optional<TypedText> remote_mta;          ///< only when one was asked (RFC 3464 §2.3.5)
  std::optional<TypedText> diagnostic;          ///< its words; line ends within become blanks
  std::optional<DateTime> last_attempt;
  std::string final_log_id;
  std::optional<DateTime> will_retry_until;  ///< written for delayed ones only (RFC 3464 §2.3.9)
};

/// A report on one message (RFC 3464 §2.2).
struct DeliveryReport {
  std::optional<std::string> envelope_id;  ///< ENVID without xtext, only if it was given (RFC 3461 §6.3 (a))
  TypedText reporting_mta;
  std::optional<TypedText> gateway;            ///< DSN-Gateway
  std::optional<TypedText> received_from_mta;  ///< what it called itself in HELO
  std::optional<DateTime> arrival;
  std::optional<DateTime> deliver_by;  ///< Deliver-By-Date (RFC 2852 §5)
  std::vector<RecipientReport> recipients;
};

/// Recipients of one report: what one SMTP transaction may have at most, and reading costs some 300 octets each.
inline constexpr std::size_t kReportRecipientsMax = 10'000;
/// Octets of one address, name or diagnostic in a report: a reply of eight lines (RFC 5321 §4.5.3.1.5). The rest is
/// cut.
inline constexpr std::size_t kReportTextMax = 4096;

// Composing.

/// What of the message goes back (RFC 3461 §4.3).
enum class ReturnContent : std::uint8_t { headers, full };
/// Octets of a message that go back whole. Larger ones go back as their header (RFC 3461 §6.2), so that forged senders
/// are not drowned, and a report stays cheap.
inline constexpr std::uint64_t kReturnFullMax = std::uint64_t{256} << 10;
/// Octets of a header that go back; what follows the last field within is left out.
inline constexpr std::size_t kReturnHeaderMax = std::size_t{64} << 10;
/// Recipients that the text for people tells of; the machine's part has all.
inline constexpr std::size_t kTextRecipientsMax = 100;

enum class ReportReader : std::uint8_t {
  sender,
  postmaster,  ///< of a failed message that has no sender (RFC 5321 §6.1): it is not the reader's own
};

struct DsnOptions {
  std::string from;     ///< who answers for the mail system, made by format_address()
  std::string to;       ///< the reverse-path of the message, made by format_address() (RFC 3464 §2)
  DateTime date;        ///< when the report is made
  std::string message;  ///< its Message-ID, made by make_message_id()
  Language language = Language::english;
  ReportReader reader = ReportReader::sender;
  Transfer transfer = Transfer::seven_bit;  ///< what the way to the sender can carry
  Utf8 utf8 = Utf8::refuse;                 ///< accept: the message came with SMTPUTF8, its sender reads RFC 6533
  ReturnContent ret = ReturnContent::headers;
  std::uint64_t full_max = kReturnFullMax;
  bool header_only = false;  ///< `original` is the header alone, as kept of a large message
};

/// A composed report in three stretches; what comes back of the message is looked at where it lies, not copied, unless
/// it had to be encoded.
struct ComposedDsn {
  std::string before;          ///< everything up to the returned octets
  std::string encoded;         ///< the returned octets, when they could not stay as they are
  std::string_view as_it_was;  ///< else: in the octets given, which must live as long
  std::string after;           ///< the end of the multipart
  bool eight_bit = false;      ///< needs 8BITMIME: never with Transfer::seven_bit, unless `utf8_header`
  bool utf8_header = false;    ///< an address of its own header is not ASCII: needs SMTPUTF8

  [[nodiscard]] std::array<std::string_view, 3> stretches() const {
    return {before, encoded.empty() ? as_it_was : std::string_view(encoded), after};
  }
  [[nodiscard]] std::uint64_t size() const;
  /// All in one: a copy.
  [[nodiscard]] std::string octets() const;
};

/// A report that cannot be: no recipient or more than kReportRecipientsMax, one without action or final recipient, no
/// reporting MTA, no address to send it to.
inline constexpr ErrorKind kBadReport{"message.bad-report", Fault::ours, Lasting::permanent};

/// The whole message: a text that people understand, the report for machines, and the message or its header, `original`
/// (none when it is empty). No text of the report can break out of its field. Full content goes back only when asked
/// for and a recipient failed (RFC 3461 §6.2). `random` makes the boundary.
Result<ComposedDsn> compose_dsn(const DeliveryReport& report, std::string_view original, const DsnOptions& options,
                                Random& random);

// Reading.

/// Octets of the part for machines that are read: 10,000 recipients of 100 octets a field. The rest is not looked at.
inline constexpr std::size_t kReportReadMax = std::size_t{4} << 20;

/// A report that was read, and where it stood.
struct ReadDsn {
  DeliveryReport report;              ///< texts are valid UTF-8, each cut at kReportTextMax; recipients at their limit
  std::uint32_t status_part = 0;      ///< index in Structure::parts
  std::uint32_t text_part = kNoPart;  ///< for people; kNoPart when there is none
  std::uint32_t returned_part = kNoPart;  ///< the message, or its header
  bool returned_full = false;             ///< `returned_part` is a message/rfc822 or message/global
};

/// Reads the first part of type message/delivery-status or message/global-delivery-status that is not within an
/// enclosed message, whatever the whole is called, for gateways and lists rename it. Nothing when there is none.
/// Tolerant of what other mailers write: fields in any order and in the wrong block, missing and doubled blank lines,
/// missing types, comments, bare LF. Never fails; linear.
std::optional<ReadDsn> read_dsn(const Structure& structure, std::string_view message);

/// The blocks of such a part, decoded, as read_dsn() reads them.
DeliveryReport parse_delivery_status(std::string_view body);

/// The octets that came back: of the header alone with ReturnContent::headers, which both kinds of returned part have.
/// Decoded where the part is encoded; empty when nothing came back.
std::string returned_header(const ReadDsn& dsn, const Structure& structure, std::string_view message);

}  // namespace angarium::message
