#include <fmt/format.h>

#include <chrono>
#include <iterator>

#include "base/text.h"
#include "envelope/parameters.h"
#include "message/xtext.h"

namespace angarium::envelope {
namespace {

using message::to_utf8_addr_xtext;
using message::to_xtext;

std::string_view name(Body body) {
  switch (body) {
    case Body::seven_bit: return "7BIT";
    case Body::eight_bit_mime: return "8BITMIME";
    case Body::binary_mime: return "BINARYMIME";
  }
  return {};
}

void append_unknown(std::string& out, const std::vector<EsmtpParameter>& unknown) {
  for (const EsmtpParameter& parameter : unknown) {
    out += " " + parameter.keyword;
    if (parameter.value) out += "=" + *parameter.value;
  }
}

std::string format_utc(WallTime time) {
  using namespace std::chrono;
  const sys_seconds moment{seconds(time.seconds())};
  const sys_days midnight = floor<days>(moment);
  const year_month_day date(midnight);
  const hh_mm_ss clock(moment - midnight);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

/// RFC 4954 §5: xtext, or unitext when the mailbox holds UTF-8.
std::string format_auth(const ReversePath& auth) {
  if (auth.null()) return "<>";
  const std::string text = auth.mailbox->text();
  return all_ascii(text) ? to_xtext(text) : to_utf8_addr_xtext(text);
}

/// The address with only those characters escaped that ORCPT may not hold (RFC 6533 §3, utf-8-addr-unitext).
std::string to_unitext(std::string_view address) {
  std::string out;
  for (char c : address) {
    if (is_ascii(c)) {
      out += to_utf8_addr_xtext(std::string_view(&c, 1));
    } else {
      out += c;
    }
  }
  return out;
}

std::string format_original(const OriginalRecipient& original, Utf8 utf8) {
  if (!equals_ignore_case(original.type, "utf-8")) return original.type + ";" + to_xtext(original.address);
  return original.type + ";" +
         (utf8 == Utf8::accept ? to_unitext(original.address) : to_utf8_addr_xtext(original.address));
}

}  // namespace

std::string format_parameters(const MailParameters& parameters) {
  std::string out;
  const auto end = std::back_inserter(out);
  if (parameters.size) fmt::format_to(end, " SIZE={}", *parameters.size);
  if (parameters.body) fmt::format_to(end, " BODY={}", name(*parameters.body));
  if (parameters.smtputf8) out += " SMTPUTF8";
  if (parameters.ret) out += *parameters.ret == Return::full ? " RET=FULL" : " RET=HDRS";
  if (parameters.envelope_id) out += " ENVID=" + to_xtext(*parameters.envelope_id);
  if (parameters.auth) out += " AUTH=" + format_auth(*parameters.auth);
  if (parameters.priority) fmt::format_to(end, " MT-PRIORITY={}", *parameters.priority);
  if (parameters.deliver_by) {
    const DeliverBy& by = *parameters.deliver_by;
    fmt::format_to(end, " BY={};{}{}", by.seconds, by.mode == DeliverBy::Mode::notify ? 'N' : 'R', by.trace ? "T" : "");
  }
  if (parameters.hold_for_s) fmt::format_to(end, " HOLDFOR={}", *parameters.hold_for_s);
  if (parameters.hold_until) out += " HOLDUNTIL=" + format_utc(*parameters.hold_until);
  if (parameters.require_tls) out += " REQUIRETLS";
  if (parameters.transaction) out += " TRANSID=" + *parameters.transaction;
  append_unknown(out, parameters.unknown);
  return out;
}

std::string format_parameters(const RcptParameters& parameters, Utf8 utf8) {
  std::string out;
  if (parameters.notify) {
    const Notify& notify = *parameters.notify;
    std::string events;
    const auto add = [&events](bool set, std::string_view event) {
      if (set) events.append(events.empty() ? "" : ",").append(event);
    };
    add(notify.success, "SUCCESS");
    add(notify.failure, "FAILURE");
    add(notify.delay, "DELAY");
    out += " NOTIFY=" + (notify.never || events.empty() ? "NEVER" : events);
  }
  if (parameters.original) out += " ORCPT=" + format_original(*parameters.original, utf8);
  append_unknown(out, parameters.unknown);
  return out;
}

}  // namespace angarium::envelope
