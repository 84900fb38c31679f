#include "envelope/parameters.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>

#include "base/text.h"
#include "message/lexical.h"
#include "message/xtext.h"

namespace angarium::envelope {
namespace {

using message::from_utf8_addr;
using message::from_xtext;

using Value = std::optional<std::string_view>;

Error bad(std::string_view keyword, std::string_view why) {
  return {kBadParameter, std::string(keyword) + ": " + std::string(why)};
}
std::unexpected<Error> refuse(std::string_view keyword, std::string_view why) {
  return std::unexpected<Error>(bad(keyword, why));
}

bool valid_keyword(std::string_view keyword) {
  return !keyword.empty() && is_alnum(keyword[0]) &&
         std::ranges::all_of(keyword, [](char c) { return is_alnum(c) || c == '-'; });
}

/// esmtp-value of RFC 5321 §4.1.2, with UTF-8 of RFC 6531 §3.3. '=' is let in where a sender did not encode it.
bool valid_value(std::string_view value, const PathOptions& options) {
  if (value.empty()) return false;
  if (!all_ascii(value) && (options.utf8 == Utf8::refuse || !valid_utf8(value))) return false;
  return std::ranges::none_of(value, [](char c) { return c == ' ' || is_control(c); });
}

bool printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == '\t' || (c >= ' ' && c < 127); });
}

Result<> read_size(MailParameters& out, std::string_view value) {
  // RFC 1870 §4: 1*20DIGIT, so that it may pass 64 bits.
  if (value.size() > 20 || !std::ranges::all_of(value, is_digit)) return refuse("SIZE", "not a number");
  out.size = parse_number<std::uint64_t>(value).value_or(UINT64_MAX);
  return {};
}

Result<> read_body(MailParameters& out, std::string_view value) {
  if (equals_ignore_case(value, "7BIT")) {
    out.body = Body::seven_bit;
  } else if (equals_ignore_case(value, "8BITMIME")) {
    out.body = Body::eight_bit_mime;
  } else if (equals_ignore_case(value, "BINARYMIME")) {
    out.body = Body::binary_mime;
  } else {
    return refuse("BODY", "neither 7BIT nor 8BITMIME nor BINARYMIME");
  }
  return {};
}

Result<> read_ret(MailParameters& out, std::string_view value) {
  const bool full = equals_ignore_case(value, "FULL");
  if (!full && !equals_ignore_case(value, "HDRS")) return refuse("RET", "neither FULL nor HDRS");
  out.ret = full ? Return::full : Return::headers;
  return {};
}

Result<> read_envid(MailParameters& out, std::string_view value) {
  if (value.size() > kEnvelopeIdMax) return refuse("ENVID", "longer than 100 characters");
  auto decoded = from_xtext(value);
  if (!decoded || !printable(*decoded)) return refuse("ENVID", "not xtext of printable characters");
  out.envelope_id = *std::move(decoded);
  return {};
}

Result<> read_auth(MailParameters& out, std::string_view value, const PathOptions& options) {
  if (value == "<>") {
    out.auth = ReversePath{};
    return {};
  }
  // RFC 4954 §5: a mailbox in xtext; with SMTPUTF8 perhaps as RFC 6533 has it (RFC 6531 §3.6).
  const auto decoded =
      all_ascii(value) && value.find('\\') == std::string_view::npos ? from_xtext(value) : from_utf8_addr(value);
  auto mailbox = parse_mailbox(decoded.value_or(""), options);
  if (!mailbox) return refuse("AUTH", "not a mailbox in xtext");
  out.auth = ReversePath{*std::move(mailbox)};
  return {};
}

Result<> read_priority(MailParameters& out, std::string_view value) {
  // RFC 6710 §7: (["-"] NZDIGIT) / "0"
  const bool negative = value.starts_with('-');
  const std::string_view digit = value.substr(negative ? 1 : 0);
  if (digit.size() != 1 || !is_digit(digit[0]) || (negative && digit[0] == '0')) {
    return refuse("MT-PRIORITY", "not a number from -9 to 9");
  }
  out.priority = (digit[0] - '0') * (negative ? -1 : 1);
  return {};
}

Result<> read_by(MailParameters& out, std::string_view value) {
  // RFC 2852 §4: ["-" / "+"]1*9digit ";" ("N" / "R") ["T"]
  const std::string_view time = take_until(value, ';');
  const bool signed_time = time.starts_with('-') || time.starts_with('+');
  const std::string_view digits = time.substr(signed_time ? 1 : 0);
  const auto seconds = parse_number<std::uint32_t>(digits);
  if (!seconds || digits.size() > 9) return refuse("BY", "not a time of one to nine digits");
  DeliverBy by;
  by.seconds = static_cast<std::int32_t>(*seconds) * (time[0] == '-' ? -1 : 1);
  if (value.empty() || value.size() > 2) return refuse("BY", "mode is neither N nor R");
  by.trace = value.size() == 2;
  if (by.trace && to_upper(value[1]) != 'T') return refuse("BY", "only T may follow the mode");
  if (to_upper(value[0]) == 'R') {
    by.mode = DeliverBy::Mode::return_it;
    if (by.seconds <= 0) return refuse("BY", "with mode R the time must be positive");
  } else if (to_upper(value[0]) != 'N') {
    return refuse("BY", "mode is neither N nor R");
  }
  out.deliver_by = by;
  return {};
}

Result<> read_hold_for(MailParameters& out, std::string_view value) {
  // RFC 4865 §4: %x31-39 *8DIGIT
  const auto seconds = parse_number<std::uint32_t>(value);
  if (!seconds || value.size() > 9 || value[0] == '0') return refuse("HOLDFOR", "not a number from 1 to 999999999");
  out.hold_for_s = *seconds;
  return {};
}

/// A whole number of exactly so many digits, cut from the text with the separator after it.
std::optional<int> take_fixed(std::string_view& text, std::size_t digits, char separator) {
  if (text.size() < digits) return std::nullopt;
  const auto number = parse_number<std::uint32_t>(text.substr(0, digits));
  text.remove_prefix(digits);
  if (!number) return std::nullopt;
  if (separator != '\0') {
    if (text.empty() || to_upper(text[0]) != separator) return std::nullopt;
    text.remove_prefix(1);
  }
  return static_cast<int>(*number);
}

Result<> read_hold_until(MailParameters& out, std::string_view value) {
  // RFC 4865 §4: RFC 3339 date-time in UTC, "2003-07-01T10:52:37Z", perhaps with a fraction.
  const auto refusal = [] { return refuse("HOLDUNTIL", "not a time like 2030-01-31T12:00:00Z"); };
  const auto year = take_fixed(value, 4, '-');
  const auto month = year ? take_fixed(value, 2, '-') : std::nullopt;
  const auto day = month ? take_fixed(value, 2, 'T') : std::nullopt;
  const auto hour = day ? take_fixed(value, 2, ':') : std::nullopt;
  const auto minute = hour ? take_fixed(value, 2, ':') : std::nullopt;
  const auto second = minute ? take_fixed(value, 2, '\0') : std::nullopt;
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return refusal();
  if (value.starts_with('.')) {
    value.remove_prefix(1);
    const std::size_t digits = std::min(value.find_first_not_of("0123456789"), value.size());
    if (digits == 0) return refusal();
    value.remove_prefix(digits);
  }
  if (!equals_ignore_case(value, "Z")) return refusal();
  const auto date = std::chrono::year(*year) / std::chrono::month(static_cast<unsigned>(*month)) /
                    std::chrono::day(static_cast<unsigned>(*day));
  if (!date.ok()) return refusal();
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  out.hold_until = WallTime::from_seconds(((days * 24 + *hour) * 60 + *minute) * 60 + *second);
  return {};
}

/// transid-token of RFC 1845 §2: atoms with dots between them.
bool is_transid_token(std::string_view text) {
  constexpr std::string_view kSpecials = "()<>@,;:\\\"/[]?=";  // tspecials of RFC 1521 §4
  if (text.empty() || text.starts_with('.') || text.ends_with('.') || text.find("..") != std::string_view::npos)
    return false;
  return std::ranges::all_of(text,
                             [&](char c) { return c > ' ' && c < 127 && kSpecials.find(c) == std::string_view::npos; });
}

Result<> read_transid(MailParameters& out, std::string_view value) {
  if (value.size() > kTransactionIdMax) return refuse("TRANSID", "longer than 80 characters");
  const bool bracketed = value.size() > 2 && value.starts_with('<') && value.ends_with('>');
  std::string_view domain = bracketed ? value.substr(1, value.size() - 2) : std::string_view();
  const std::string_view local = take_until(domain, '@');
  if (!is_transid_token(local) || !is_transid_token(domain)) return refuse("TRANSID", "not <local@domain>");
  out.transaction = std::string(value);
  return {};
}

/// A parameter of MAIL that must have a value.
struct MailReader {
  std::string_view keyword;
  Result<> (*read)(MailParameters& out, std::string_view value);
};
constexpr std::array kMailReaders{
    MailReader{"SIZE", read_size},
    MailReader{"BODY", read_body},
    MailReader{"RET", read_ret},
    MailReader{"ENVID", read_envid},
    MailReader{"MT-PRIORITY", read_priority},
    MailReader{"BY", read_by},
    MailReader{"HOLDFOR", read_hold_for},
    MailReader{"HOLDUNTIL", read_hold_until},
    MailReader{"TRANSID", read_transid},
};

Result<> read_mail_parameter(MailParameters& out, std::string_view keyword, Value value, const PathOptions& options) {
  for (const MailReader& reader : kMailReaders) {
    if (!equals_ignore_case(keyword, reader.keyword)) continue;
    if (!value) return refuse(reader.keyword, "needs a value");
    return reader.read(out, *value);
  }
  if (equals_ignore_case(keyword, "AUTH")) {
    if (!value) return refuse("AUTH", "needs a value");
    return read_auth(out, *value, options);
  }
  const bool smtputf8 = equals_ignore_case(keyword, "SMTPUTF8");
  if (smtputf8 || equals_ignore_case(keyword, "REQUIRETLS")) {
    if (value) return refuse(smtputf8 ? "SMTPUTF8" : "REQUIRETLS", "has no value");
    (smtputf8 ? out.smtputf8 : out.require_tls) = true;
    return {};
  }
  out.unknown.push_back({std::string(keyword), value ? std::optional<std::string>(*value) : std::nullopt});
  return {};
}

Result<> read_notify(RcptParameters& out, std::string_view value) {
  Notify notify;
  // RFC 3461 §4.1: "NEVER" / 1#("SUCCESS" / "FAILURE" / "DELAY")
  if (equals_ignore_case(value, "NEVER")) {
    notify.never = true;
    out.notify = notify;
    return {};
  }
  if (value.ends_with(',')) return refuse("NOTIFY", "ends with a comma");
  while (!value.empty()) {
    const std::string_view word = take_until(value, ',');
    bool Notify::* const event = equals_ignore_case(word, "SUCCESS")   ? &Notify::success
                                 : equals_ignore_case(word, "FAILURE") ? &Notify::failure
                                 : equals_ignore_case(word, "DELAY")   ? &Notify::delay
                                                                       : nullptr;
    if (event == nullptr) return refuse("NOTIFY", "neither NEVER nor a list of SUCCESS, FAILURE, DELAY");
    notify.*event = true;
  }
  out.notify = notify;
  return {};
}

Result<> read_orcpt(RcptParameters& out, std::string_view value) {
  if (value.size() > kOriginalRecipientMax) return refuse("ORCPT", "longer than 500 characters");
  const std::size_t semicolon = value.find(';');
  if (semicolon == std::string_view::npos) return refuse("ORCPT", "not type;address");
  OriginalRecipient original;
  original.type = std::string(value.substr(0, semicolon));
  if (!message::all_of(original.type, message::kAtext) || !all_ascii(original.type))
    return refuse("ORCPT", "not a type");
  const std::string_view encoded = value.substr(semicolon + 1);
  auto address = equals_ignore_case(original.type, "utf-8") ? from_utf8_addr(encoded) : from_xtext(encoded);
  if (!address || address->empty()) return refuse("ORCPT", "address is not xtext");
  // Postfix writes UTF-8 addresses as rfc822 in xtext (seen in 3.7), which RFC 6533 §3 has another type for.
  if (equals_ignore_case(original.type, "rfc822") && !all_ascii(*address)) original.type = "utf-8";
  // RFC 3461 §4.2: printable when decoded; RFC 6533 §3 adds UTF-8.
  if (std::ranges::any_of(*address, [](char c) { return is_control(c) && c != '\t'; }) ||
      (!all_ascii(*address) && (!equals_ignore_case(original.type, "utf-8") || !valid_utf8(*address)))) {
    return refuse("ORCPT", "address is not printable");
  }
  original.address = *std::move(address);
  out.original = std::move(original);
  return {};
}

Result<> read_rcpt_parameter(RcptParameters& out, std::string_view keyword, Value value, const PathOptions&) {
  const bool notify = equals_ignore_case(keyword, "NOTIFY");
  if (notify || equals_ignore_case(keyword, "ORCPT")) {
    if (!value) return refuse(notify ? "NOTIFY" : "ORCPT", "needs a value");
    return notify ? read_notify(out, *value) : read_orcpt(out, *value);
  }
  out.unknown.push_back({std::string(keyword), value ? std::optional<std::string>(*value) : std::nullopt});
  return {};
}

/// Cuts the text into parameters, each once, and gives each to `read`.
template <class Parameters>
Result<Parameters> parse_parameters(std::string_view text, const PathOptions& options,
                                    Result<> (*read)(Parameters&, std::string_view, Value, const PathOptions&)) {
  Parameters out;
  std::array<std::string_view, kParametersMax> seen;
  std::size_t count = 0;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    if (text.empty()) return out;
    std::string_view keyword = take_until(text, ' ');
    Value value;
    if (const std::size_t equal = keyword.find('='); equal != std::string_view::npos) {
      value = keyword.substr(equal + 1);
      keyword = keyword.substr(0, equal);
    }
    if (!valid_keyword(keyword)) return refuse(escape_controls(keyword, 40), "not a parameter");
    if (value && !valid_value(*value, options)) return refuse(escape_controls(keyword, 40), "not a value");
    const std::span known(seen.data(), count);
    if (std::ranges::any_of(known, [&](std::string_view other) { return equals_ignore_case(other, keyword); })) {
      return refuse(escape_controls(keyword, 40), "given twice");
    }
    if (count == kParametersMax) return refuse(escape_controls(keyword, 40), "too many parameters");
    seen[count++] = keyword;
    TRY(read(out, keyword, value, options));
  }
}

}  // namespace

Result<MailParameters> parse_mail_parameters(std::string_view text, const PathOptions& options) {
  MailParameters out = TRY(parse_parameters<MailParameters>(text, options, read_mail_parameter));
  // RFC 4865 §4: HOLDFOR or HOLDUNTIL.
  if (out.hold_for_s && out.hold_until) return refuse("HOLDUNTIL", "not together with HOLDFOR");
  return out;
}

Result<RcptParameters> parse_rcpt_parameters(std::string_view text, const PathOptions& options) {
  return parse_parameters<RcptParameters>(text, options, read_rcpt_parameter);
}

}  // namespace angarium::envelope
