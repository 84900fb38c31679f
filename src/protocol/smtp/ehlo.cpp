#include "protocol/smtp/ehlo.h"

#include <fmt/format.h>

#include "sasl/mechanism.h"

namespace angarium::protocol::smtp {

std::string extensions(const Conversation& conversation) {
  const Policy& policy = conversation.policy();
  const bool takes_mail = policy.role != Role::odmr;
  std::string lines = "\nPIPELINING";
  if (takes_mail) lines += fmt::format("\nSIZE {}", policy.limits.message_octets);
  if (policy.tls != TlsUse::none && conversation.connection().can_start_tls()) lines += "\nSTARTTLS";
  if (const auto mechanisms = conversation.mechanisms(); !mechanisms.empty()) {
    lines += "\nAUTH";
    for (const sasl::Mechanism* mechanism : mechanisms) {
      lines += ' ';
      lines += mechanism->name;
    }
  }
  // RFC 2645 §5.1.1: AUTH and ATRN.
  if (!takes_mail) return lines + "\nENHANCEDSTATUSCODES\nATRN\nHELP";
  lines += "\nENHANCEDSTATUSCODES\n8BITMIME\nBINARYMIME\nCHUNKING\nSMTPUTF8";
  // RFC 4468 §3.1, §3.3: without "imap" it says that a login comes first.
  if (policy.burls()) lines += conversation.peer().identity ? "\nBURL imap" : "\nBURL";
  if (policy.dsn == Announce::yes) lines += "\nDSN";
  if (policy.priorities.announce == Announce::yes) lines += "\nMT-PRIORITY";
  if (policy.deliver_by.announce == Announce::yes) {
    lines += "\nDELIVERBY";
    if (policy.deliver_by.min_s != 0) lines += fmt::format(" {}", policy.deliver_by.min_s);
  }
  if (policy.future_release()) {
    // RFC 4865 §3: whole seconds, in UTC.
    const std::string latest = to_rfc3339(conversation.latest_release()).substr(0, 19);
    lines += fmt::format("\nFUTURERELEASE {} {}Z", policy.future_release_s, latest);
  }
  // RFC 9422 §4
  lines += fmt::format("\nLIMITS RCPTMAX={} MAILMAX={}", policy.limits.recipients, policy.limits.messages);
  if (policy.checkpoints()) lines += "\nCHECKPOINT";
  if (policy.expn == Announce::yes) lines += "\nEXPN";
  if (policy.etrn == Announce::yes) lines += "\nETRN";
  lines += "\nHELP";
  return lines;
}

}  // namespace angarium::protocol::smtp
