// Times as people write them and read them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace angarium {

/// "2026-11-22 14:03:05.120", as the clock on this host's wall says (TZ).
std::string to_local_text(WallTime time);
/// What to_local_text() and to_rfc3339() write, to any number of digits of a second, with a blank or a "T" in the
/// middle, also without the seconds or the time of day. Without the "Z" it is of this host's zone. Nothing for other
/// text, and for days that are none.
std::optional<WallTime> parse_time(std::string_view text);
/// date-time of RFC 3339 §5.6, strictly: with seconds and with a zone.
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace angarium
