#include "protocol/smtp/ehlo.h"

#include <fmt/format.h>

#include "sasl/mechanism.h"

namespace angarium::protocol::smtp {

std::string extensions(const Conversation& conversation) {
  const Policy& policy = conversation.policy();
  std::string lines = fmt::format("\nPIPELINING\nSIZE {}", policy.limits.message_octets);
  if (policy.tls != TlsUse::none && conversation.connection().can_start_tls()) lines += "\nSTARTTLS";
  if (const auto mechanisms = conversation.mechanisms(); !mechanisms.empty()) {
    lines += "\nAUTH";
    for (const sasl::Mechanism* mechanism : mechanisms) {
      lines += ' ';
      lines += mechanism->name;
    }
  }
  lines += "\nENHANCEDSTATUSCODES\n8BITMIME\nBINARYMIME\nCHUNKING\nSMTPUTF8";
  if (policy.dsn == Announce::yes) lines += "\nDSN";
  // RFC 9422 §4
  lines += fmt::format("\nLIMITS RCPTMAX={} MAILMAX={}", policy.limits.recipients, policy.limits.messages);
  if (policy.expn == Announce::yes) lines += "\nEXPN";
  lines += "\nHELP";
  return lines;
}

}  // namespace angarium::protocol::smtp
