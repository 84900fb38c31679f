// Addresses of header fields (RFC 5322 §3.4 with §4.4, RFC 6532): From, Sender, Reply-To, To, Cc, Bcc, Resent-*, and
// the like. The paths of the SMTP envelope are another grammar: envelope/path.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "message/domain.h"
#include "message/lexical.h"

namespace angarium::message {

/// One mailbox. Blanks and comments around its parts are gone, so is the quoting.
struct Address {
  std::string name;        ///< display name for people: encoded words decoded, UTF-8; empty when there is none
  std::string raw_name;    ///< display name unquoted and unfolded, encoded words as they were (IMAP's addr-name)
  std::string route;       ///< obsolete source route without its colon, "@a,@b" (IMAP's addr-adl); means nothing
  std::string local_part;  ///< unquoted; alone when the address has no '@'
  std::string domain;      ///< as written; an address literal with its brackets; may be empty
  std::string comment;     ///< all comments, decoded, with a blank between two; "a@b (Name)" has its name here

  /// "local@domain" with the quoting it needs; without '@' when there is no domain.
  [[nodiscard]] std::string spec() const;
  /// The name to be shown: the display name, else the comment, else nothing.
  [[nodiscard]] const std::string& display() const { return name.empty() ? comment : name; }
  friend bool operator==(const Address&, const Address&) = default;
};

/// A named group (RFC 5322 §3.4): the addresses [begin, end) of its list.
struct AddressGroup {
  std::string name;
  std::string raw_name;
  std::string comment;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// What was not right with a list that was read all the same; bits.
enum AddressDefect : std::uint16_t {
  kUnclosedComment = 1 << 0,
  kUnclosedQuote = 1 << 1,
  kUnclosedAngle = 1 << 2,
  kUnclosedGroup = 1 << 3,
  kNoDomain = 1 << 4,          ///< an address without '@' or without what follows it
  kNoLocalPart = 1 << 5,       ///< nothing before the '@', or between the angle brackets
  kMisplaced = 1 << 6,         ///< octets that belong to no part: stray '>', a second '@', text after a domain
  kMissingComma = 1 << 7,      ///< two addresses with nothing between
  kStraySemicolon = 1 << 8,    ///< ';' outside of a group, taken as a comma
  kTooManyAddresses = 1 << 9,  ///< more than kAddressesMax; the rest was not read
};

/// Addresses of one field that are read: no field of real mail comes near, and each costs some 200 octets of memory.
inline constexpr std::size_t kAddressesMax = 10'000;

struct AddressList {
  std::vector<Address> addresses;  ///< all in order, those inside of groups too
  std::vector<AddressGroup> groups;
  std::uint16_t defects = 0;  ///< AddressDefect bits
};

/// Reads any field value as addresses. Never fails; linear. For judging whether it follows the standard, see
/// check_addresses().
AddressList parse_addresses(std::string_view value);

/// Which grammar of RFC 5322 a text is to follow.
enum class AddressSyntax { addr_spec, mailbox, mailbox_list, address_list };
/// The text does not follow the grammar; the error says where and why.
inline constexpr ErrorKind kBadAddress{"message.bad-address", Fault::syntax, Lasting::permanent};
/// Nested comments that the strict grammar reads; deeper ones are an attack, not mail.
inline constexpr std::size_t kCommentDepthMax = 64;

/// Whether the text follows the grammar to the letter: `standard`, or `obsolete` when it takes forms of RFC 5322 §4.4
/// or §4.1. Looks at syntax only: lengths and host names are the envelope's to judge. With `accept`, RFC 6532 §3.2.
Result<Conformance> check_addresses(std::string_view text, AddressSyntax syntax, Utf8 utf8 = Utf8::accept);

/// Whether "Joe@" and "joe@" are one mailbox. The domain never minds case.
enum class LocalCase { fold, exact };
bool same_address(const Address& a, const Address& b, LocalCase local = LocalCase::fold);
/// One text for all forms of an address that are the same: "local@domain" folded, the domain as A-labels. May key a
/// map.
std::string address_key(std::string_view local_part, std::string_view domain, LocalCase local = LocalCase::fold);

/// "Name <local@domain>", or "local@domain" without a name; encoded as needed. `column` as of encode_phrase().
std::string format_address(std::string_view name, std::string_view local_part, std::string_view domain,
                           std::size_t column = 0);

}  // namespace angarium::message
