// The envelope of a message in transit: who gets reports, who gets the message, and what was asked for on the way.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "envelope/parameters.h"
#include "envelope/path.h"

namespace angarium::envelope {

/// What MAIL says.
struct Sender {
  ReversePath path;
  MailParameters parameters;
  friend bool operator==(const Sender&, const Sender&) = default;
};

/// What one RCPT says.
struct Recipient {
  ForwardPath path;
  RcptParameters parameters;
  friend bool operator==(const Recipient&, const Recipient&) = default;
};

struct Envelope {
  Sender sender;
  std::vector<Recipient> recipients;
  friend bool operator==(const Envelope&, const Envelope&) = default;
};

/// The arguments of MAIL after "FROM:": path, then parameters. An address with octets above 127 needs SMTPUTF8 among
/// them (kUtf8NotAllowed, RFC 6531 §3.5).
Result<Sender> parse_sender(std::string_view text, const PathOptions& options = {});
/// The arguments of RCPT after "TO:". `options.utf8` is `accept` only when MAIL said SMTPUTF8.
Result<Recipient> parse_recipient(std::string_view text, const PathOptions& options = {});

/// Whether the envelope can be handed on only to a server that announces SMTPUTF8 (RFC 6531 §3.2), message apart.
bool needs_utf8(const Envelope& envelope);

}  // namespace angarium::envelope
