// text/plain; format=flowed (RFC 3676): paragraphs that fit any width.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace angarium::message {

/// RFC 3676 §4.2: generated lines should not be longer than this.
inline constexpr std::size_t kFlowedWidth = 72;

/// Makes flowed lines of paragraphs: each line of `text` (any line ends) is a paragraph, broken at blanks into lines of
/// at most kFlowedWidth characters where there are blanks. Lines that begin with ">" count as quoted and are not
/// broken. CR LF at line ends.
std::string to_flowed(std::string_view text);

/// Whether blanks before soft line breaks are deleted (the DelSp parameter, RFC 3676 §4).
enum class DelSp { no, yes };
/// The paragraphs of a flowed text, a line each, ended by LF; quoted ones begin with ">" signs and a blank. "-- " stays
/// a line of its own.
std::string from_flowed(std::string_view text, DelSp delsp = DelSp::no);

}  // namespace angarium::message
