// When a message came in, where nobody kept it.
#pragma once

#include <optional>
#include <string_view>

#include "message/date.h"

namespace angarium::transfer {

/// Octets of a header in which a date is looked for.
inline constexpr std::size_t kDateOctets = 64u << 10;

/// By the newest trace field of the header, or by its writer's date.
std::optional<message::DateTime> arrival_in(std::string_view header);

}  // namespace angarium::transfer
