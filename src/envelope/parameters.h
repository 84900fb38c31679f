// ESMTP parameters of MAIL and RCPT as typed values, and written back for the client half.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "envelope/path.h"

namespace angarium::envelope {

/// A parameter that is known but has a wrong value, contradicts another, or is given twice.
inline constexpr ErrorKind kBadParameter{"envelope.bad-parameter", Fault::syntax, Lasting::permanent};  // 501 5.5.4

/// Limits of parameters, so that a command line cannot make us hold much; an unknown one counts too.
inline constexpr std::size_t kParametersMax = 32;
/// RFC 3461 §4.4: characters of ENVID's value as it stands in the command.
inline constexpr std::size_t kEnvelopeIdMax = 100;
/// RFC 3461 §4.2: characters of ORCPT's value as it stands in the command.
inline constexpr std::size_t kOriginalRecipientMax = 500;

/// One parameter as it stands in the command.
struct EsmtpParameter {
  std::string keyword;               ///< as written; compares without case
  std::optional<std::string> value;  ///< nothing when there is no '='
  friend bool operator==(const EsmtpParameter&, const EsmtpParameter&) = default;
};

/// RFC 1845 §2: characters of TRANSID's value, with its brackets.
inline constexpr std::size_t kTransactionIdMax = 80;

/// RFC 6152, RFC 3030.
enum class Body { seven_bit, eight_bit_mime, binary_mime };
/// RFC 3461 §4.3: what of the message a failure report holds.
enum class Return { full, headers };

/// RFC 2852 §4.
struct DeliverBy {
  std::int32_t seconds = 0;  ///< from now; negative only with `notify`; at most nine digits
  enum class Mode { notify, return_it } mode = Mode::notify;
  bool trace = false;
  friend bool operator==(const DeliverBy&, const DeliverBy&) = default;
};

/// Parameters of MAIL.
struct MailParameters {
  std::optional<std::uint64_t> size;        ///< RFC 1870, octets as declared; more than 64 bits hold is UINT64_MAX
  std::optional<Body> body;                 ///< RFC 6152; none is seven_bit
  bool smtputf8 = false;                    ///< RFC 6531 §3.4
  std::optional<Return> ret;                ///< RFC 3461 §4.3
  std::optional<std::string> envelope_id;   ///< ENVID without xtext, printable ASCII (RFC 3461 §4.4)
  std::optional<ReversePath> auth;          ///< RFC 4954 §5; null for "<>"
  std::optional<int> priority;              ///< MT-PRIORITY, -9 to 9 (RFC 6710 §5)
  std::optional<DeliverBy> deliver_by;      ///< BY (RFC 2852)
  std::optional<std::uint32_t> hold_for_s;  ///< HOLDFOR, 1-999,999,999 s (RFC 4865 §4)
  std::optional<WallTime> hold_until;       ///< HOLDUNTIL (RFC 4865 §4); never together with HOLDFOR
  bool require_tls = false;                 ///< RFC 8689 §4.1
  std::optional<std::string> transaction;   ///< TRANSID with its brackets; compares octet by octet (RFC 1845 §2)
  std::vector<EsmtpParameter> unknown;      ///< all others in order: 555 5.5.4 unless the server knows them itself
  friend bool operator==(const MailParameters&, const MailParameters&) = default;
};

/// RFC 3461 §4.1. `never` stands alone.
struct Notify {
  bool never = false;
  bool success = false;
  bool failure = false;
  bool delay = false;
  friend bool operator==(const Notify&, const Notify&) = default;
};

/// RFC 3461 §4.2, RFC 6533 §3: the recipient as the first sender wrote it.
struct OriginalRecipient {
  std::string type;     ///< "rfc822", "utf-8", …; as written, compares without case
  std::string address;  ///< without xtext or unitext
  friend bool operator==(const OriginalRecipient&, const OriginalRecipient&) = default;
};

/// Parameters of RCPT.
struct RcptParameters {
  std::optional<Notify> notify;
  std::optional<OriginalRecipient> original;  ///< ORCPT
  std::vector<EsmtpParameter> unknown;
  friend bool operator==(const RcptParameters&, const RcptParameters&) = default;
};

/// Reads "KEY=value KEY" as it stands after the path, without line end. Blanks between parameters may be more than one.
/// Which extensions were announced is the server's to judge: a parameter of one that was not is 555 too.
Result<MailParameters> parse_mail_parameters(std::string_view text, const PathOptions& options = {});
Result<RcptParameters> parse_rcpt_parameters(std::string_view text, const PathOptions& options = {});

/// Each parameter with a blank before it, so that it is appended to the path; empty when there is none. The caller
/// leaves out what the other side did not announce. `utf8`: whether ORCPT may hold octets above 127 (RFC 6533 §3).
std::string format_parameters(const MailParameters& parameters);
std::string format_parameters(const RcptParameters& parameters, Utf8 utf8 = Utf8::refuse);

}  // namespace angarium::envelope
