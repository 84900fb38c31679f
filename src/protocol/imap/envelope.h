// A message's ENVELOPE as the backend tells it, read for what SORT and THREAD compare (RFC 5256, RFC 5957).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/imap/types.h"

namespace angarium::protocol::imap {

/// The first address of a list; of a group its beginning, whose mailbox is the group's name (RFC 9051 §7.5.2).
struct EnvelopeAddress {
  std::optional<std::string> name;
  std::optional<std::string> mailbox;
  std::optional<std::string> host;
};

/// Strings as they stand in the header: encoded words are not decoded. What is not there is empty.
struct Envelope {
  std::string date;
  std::string subject;
  EnvelopeAddress from;
  EnvelopeAddress to;
  EnvelopeAddress cc;
  std::string message_id;
};

/// Reads as far as the text is an ENVELOPE; never fails.
Envelope read_envelope(std::string_view text);

/// The sent date in seconds of universal time (RFC 5256 §2.2): of the Date field, or else the INTERNALDATE.
std::int64_t sent_seconds(std::string_view date, const InternalDate& internal);

/// The value by which DISPLAYFROM and DISPLAYTO sort an address (RFC 5957 §3), in UTF-8.
std::string display_value(const EnvelopeAddress& address);

}  // namespace angarium::protocol::imap
