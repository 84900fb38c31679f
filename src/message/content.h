// What a part holds: its octets without their transfer coding, its text as UTF-8, the preview of a message and its
// attachments. From the structure and the message's octets.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "message/structure.h"

namespace angarium::message {

/// The body of a part without its transfer coding. Bodies of unknown codings come as they stand.
std::string decoded_content(const Part& part, std::string_view message);

/// The charset parameter of a part; empty when it has none. For HTML without one, what its <meta> element says.
std::string part_charset(const Structure& structure, const Part& part, std::string_view message);

/// The body of a text part as UTF-8, ended near `max` octets; only what is needed for them is decoded. Ill-formed
/// octets become U+FFFD.
std::string part_text(const Structure& structure, const Part& part, std::string_view message,
                      std::size_t max = std::numeric_limits<std::size_t>::max());

/// The same without a copy where none is needed: the message's own octets when they are the text, else `room`, which
/// is written over.
std::string_view part_text(const Structure& structure, const Part& part, std::string_view message, std::size_t max,
                           std::string& room);

/// Characters of a preview (RFC 8970 §3.1: 200 are recommended, 256 is the most).
inline constexpr std::size_t kPreviewMax = 200;
/// Octets of a text that are looked at for a preview; mail begins with kilobytes of style sheets.
inline constexpr std::size_t kPreviewSourceMax = std::size_t{256} * 1024;
/// The beginning of what the message says, in one line of at most kPreviewMax characters: of its first text part that
/// is no attachment, plain before HTML; without tags, quoted text and signature. A message that only quotes is shown by
/// what it quotes. Empty when there is no text.
std::string preview(const Structure& structure, std::string_view message);

/// The text part that a reader would show first; kNoPart when there is none.
std::uint32_t main_text_part(const Structure& structure, std::string_view message);

}  // namespace angarium::message
