// Domain names and address literals as they stand in addresses: RFC 5321 §4.1.2-4.1.3, RFC 6531 §3.3, IDNA 2008 (RFC
// 5890).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace angarium::message {

/// Whether octets above 127 are part of the grammar: RFC 6531 and RFC 6532, or not.
enum class Utf8 { refuse, accept };

/// Octets of a domain (RFC 5321 §4.5.3.1.2) and of one of its labels (RFC 1035 §2.3.4).
inline constexpr std::size_t kDomainMax = 255;
inline constexpr std::size_t kLabelMax = 63;

/// Domain of RFC 5321 §4.1.2: labels of letters, digits and inner hyphens; with `accept` also labels that IDNA can turn
/// into A-labels. No dot at the end, no underscore.
bool valid_domain(std::string_view domain, Utf8 utf8 = Utf8::refuse);

/// An address in brackets.
struct AddressLiteral {
  enum class Kind { ipv4, ipv6, general };
  Kind kind;
  std::array<std::uint8_t, 16> octets;  ///< in network order; ipv4 uses the first four; general none
  std::string_view tag;                 ///< of general: "tag" of "[tag:content]"; looks into the text parsed
  std::string_view content;             ///< of general
};
/// Reads "[192.0.2.1]", "[IPv6:2001:db8::1]" or "[tag:content]" with the brackets (RFC 5321 §4.1.3). A "::" may stand
/// for a single group too, as RFC 4291 §2.2 has it.
std::optional<AddressLiteral> parse_address_literal(std::string_view text);
/// "[192.0.2.1]" or "[IPv6:2001:db8::1]", in the canonical form of RFC 5952.
std::string format_address_literal(const AddressLiteral& literal);

/// All labels as lower-case A-labels, as DNS wants them (UTS 46, not transitional). Nothing when IDNA refuses one or
/// the result is too long. Address literals and underscores pass.
std::optional<std::string> domain_to_ascii(std::string_view domain);
/// A-labels as U-labels, to be shown to people. What does not convert stays as it was.
std::string domain_to_unicode(std::string_view domain);

/// One form for all ways to write a domain: lower-case A-labels, no dot at the end; ASCII-lower-cased when IDNA refuses
/// it. Equal keys mean the same domain, so it may key a map.
std::string domain_key(std::string_view domain);
bool same_domain(std::string_view a, std::string_view b);

}  // namespace angarium::message
