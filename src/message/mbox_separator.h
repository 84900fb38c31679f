// The line "From sender date" that stands before every message of an mbox file (RFC 4155 appendix A).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "message/date.h"

namespace angarium::message {

/// Octets of a separator line without its line end: addresses have at most 256 octets (RFC 5321 §4.5.3.1.3), and more
/// in UTF-8. A longer line is text.
inline constexpr std::size_t kMboxSeparatorMax = 1024;

struct MboxSeparator {
  /// As it stands there; "MAILER-DAEMON" stands for the null reverse-path, "-" is what Mozilla writes. May be empty.
  std::string sender;
  /// Nothing in Thunderbird's "From " and "From -", or when any line that begins "From " is taken for a separator. A
  /// date without zone is universal time by RFC 4155 and local time by custom: `zone_unknown` is set.
  std::optional<DateTime> date;
};

/// Reads a line without its line end. It is a separator when it ends with a date: asctime's, with or without seconds, a
/// zone before or behind the year, a year of two digits, "remote from host" after it; or that of RFC 5322. "From "
/// and "From -" alone are separators too. Nothing for all other lines.
std::optional<MboxSeparator> parse_mbox_separator(std::string_view line);

/// Which lines "From " after a blank line begin a message.
enum class MboxSeparators : std::uint8_t {
  dated,  ///< what parse_mbox_separator takes
  any,    ///< all of them
};
/// A line of an mbox file, with its line end or without, as the separator that it is; nothing: it is text.
std::optional<MboxSeparator> mbox_separator_of(std::string_view line, MboxSeparators which = MboxSeparators::dated);

/// The line with its LF: "From a@example.org Thu Nov 22 13:02:41 2007\n", in universal time. An empty sender becomes
/// MAILER-DAEMON; blanks and controls in it become "-"; it is cut at 900 octets.
std::string format_mbox_separator(std::string_view sender, const DateTime& date);

}  // namespace angarium::message
