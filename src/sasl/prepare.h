// SASLprep: one spelling of a user name or password (RFC 4013, a profile of RFC 3454).
#pragma once

#include <string>
#include <string_view>

#include "sasl/types.h"

namespace angarium::sasl {

/// The prepared form of UTF-8 text. Code points that Unicode 3.2 did not assign are let through, as RFC 3454 §7 has it
/// for queries, here for stored strings as well: otherwise no password could hold an emoji. kMalformed for ill-formed
/// UTF-8, prohibited code points, mixed directions, or when nothing is left; kTooLong above `octets_max`, before or
/// after. Safe from any thread; printable ASCII costs one copy.
Result<std::string> prepare(std::string_view text, std::size_t octets_max);

inline Result<std::string> prepare_name(std::string_view name) { return prepare(name, kNameMax); }

}  // namespace angarium::sasl
