// Parts of a BODY as FETCH tells it (RFC 9051 §7.5.2), found in the text itself: BODYPARTSTRUCTURE of URLFETCH
// (RFC 5524).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace angarium::protocol::imap {

/// The BODY of the part of these numbers (RFC 9051 §6.4.5.1) within `body`, which is the message's own. Nothing when
/// there is no such part.
std::optional<std::string_view> body_of_part(std::string_view body, std::span<const std::uint32_t> numbers);

/// The BODY of a part that is no multipart, told of its octets without a transfer encoding.
std::string body_without_encoding(std::string_view body, std::uint64_t octets);

}  // namespace angarium::protocol::imap
