// What reaches the terminal: text only. Mail is written by strangers, and a terminal obeys control characters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace angarium::mua {

/// One line: UTF-8 without controls of any kind. C0, DEL, C1 (U+0080 to U+009F), the marks that turn the direction of
/// text (U+202A to U+202E, U+2066 to U+2069) and the separators U+2028, U+2029 become U+FFFD; so does what is no
/// UTF-8. Tabs become blanks.
std::string visible(std::string_view text);
/// Lines: as above, but line feeds and tabs stay; CR LF is a line feed, a form feed a line feed.
std::string visible_text(std::string_view text);
/// Columns of the terminal that the text takes: two of wide characters, none of combining ones. Of visible text.
std::size_t columns(std::string_view utf8);
/// Cut or filled with blanks to so many columns.
std::string fit(std::string_view utf8, std::size_t wanted);

}  // namespace angarium::mua
