// Messages for those who cannot have them as they are: 7-bit transfer (RFC 6152 §3 leaves the conversion to the sender)
// and readers without UTF-8 headers (RFC 6858, RFC 6857). Content is re-encoded, never changed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "message/structure.h"

namespace angarium::message {

struct SevenBitMessage {
  std::string octets;
  /// Parts that could not be made 7-bit without damage and are as they were: signed ones (RFC 1847 §2.1) and those
  /// whose type forbids a coding (RFC 2046 §5.2.2, §5.2.3). Not empty: `octets` may not go over a 7-bit hop.
  std::vector<std::uint32_t> left;
  /// A header has octets above 127: needs SMTPUTF8, or ascii_headers() first.
  bool eight_bit_header = false;
};

/// The message as SevenBitWriter (seven_bit.h) writes it, line ends that stand alone kept.
SevenBitMessage to_seven_bit(const Structure& structure, std::string_view message);

/// Whether octets may go over a 7-bit hop: no NUL, nothing above 127, no line above 998 octets (RFC 5321 §4.5.3.1.6).
bool seven_bit_clean(std::string_view octets);

/// One header for readers without UTF-8 (RFC 6858 §2): addresses that are not ASCII become invalid ones that name them,
/// unstructured text encoded words (those it has already are decoded first), parameters RFC 2231; message ids stand in
/// "Downgraded-" fields (RFC 6857 §3.1.10); dates, codings, traces lose their comments (§3.2.2); other fields with
/// UTF-8 are left out. Fields of ASCII, and those of no valid UTF-8, stay octet for octet. Sizes of stored mail were
/// counted of it: ascii_form.h, mailbox/README.md.
std::string ascii_header(std::string_view header);
/// The message with all its headers so, down to the parts and enclosed messages, within kAsciiHeaderMax (ascii_form.h);
/// bodies stay.
std::string ascii_headers(const Structure& structure, std::string_view message);

}  // namespace angarium::message
